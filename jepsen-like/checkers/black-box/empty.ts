// Q7: "nothing is there" is true. An empty answer takes effect at some moment of its call; at that moment nothing may have been ready.
//   E1. A message is certainly ready from when its enqueue has returned and, in a line, the message before it was acked with an answer,
//       until the call began that brought it for the first time. The number of that delivery is 1: nobody had it unseen.
//   E2. That call is known of what came by a receive. Of what comes by a stream nobody knows when it was granted: it covers nothing.
//   E3. The moments that are covered are merged. An empty answer whose whole call lies in one stretch of them is a lie.
//   Assumes: no delays, no paused queues, no receives that ask for certain keys only.

import type { Check } from "../contract.ts";
import { countBelow } from "../../check/ticks.ts";
import { counted, Findings } from "./findings.ts";
import { grouped } from "./sweep.ts";
import {
  allMessages,
  certain,
  enqueueOf,
  keyOf,
  keySeqOf,
  lineOf,
  viewOf,
  type Effect,
  type Message,
  type View,
} from "./view.ts";

interface Ready {
  readonly from: number;
  readonly until: number;
  readonly message: Message;
}

export const emptyIsTrue: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q7 empty is true");
  const readies = grouped(readiesOf(view), ({ message }) => message.queue);
  let looked = 0;
  for (const [queue, empties] of grouped(emptiesOf(view), queueOf)) {
    looked += empties.length;
    const stretches = merged(readies.get(queue) ?? []);
    const begins = stretches.map(({ from }) => from);
    for (const { inv, ret, process } of empties) {
      const stretch = stretches[countBelow(begins, inv) - 1];
      if (stretch === undefined || stretch.until <= ret) continue;
      const holder = stretch.parts.find(({ from, until }) => from < inv && until > inv);
      findings.add({
        what: `Not empty: ${process} was told from ${view.at(inv)} to ${view.at(ret)} that queue ${queue} had nothing, and at every moment something was ready, first message ${holder?.message.body ?? ""}.`,
        ...{ queue, times: [inv, ret] },
        ...(holder === undefined ? {} : { key: keyOf(holder.message) }),
      });
    }
  }
  const count = [...readies.values()].reduce((sum, { length }) => sum + length, 0);
  return findings.verdict(
    `${counted(looked, "empty answer")}, against ${counted(count, "message")} known to be ready for a time`,
  );
};

/** E1. */
function* readiesOf(view: View): Generator<Ready> {
  const settled = settledAt(view);
  for (const message of allMessages(view)) {
    const [first] = message.deliveries;
    const enqueued = enqueueOf(message);
    if (first === undefined || first.deliveries !== 1 || enqueued === undefined) continue;
    const until = view.receiveOf(first)?.inv ?? -Infinity;
    const line = lineOf(view, message.queue, keyOf(message));
    const before =
      line === undefined || first.keySeq === 1
        ? -Infinity
        : (settled.get(`${line}/${first.keySeq - 1}`) ?? Infinity);
    const from = Math.max(enqueued.ret, before);
    if (from < until) yield { from, until, message };
  }
}

/** By line and key_seq: when the ack had been answered. */
function settledAt(view: View): Map<string, number> {
  const settled = new Map<string, number>();
  for (const message of allMessages(view)) {
    const line = lineOf(view, message.queue, keyOf(message));
    const acked = certain(message, "ack");
    if (line !== undefined && acked !== undefined)
      settled.set(`${line}/${keySeqOf(message) ?? 0}`, acked.ret);
  }
  return settled;
}

interface Stretch {
  readonly from: number;
  until: number;
  readonly parts: Ready[];
}

function merged(readies: readonly Ready[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const ready of readies.toSorted((a, b) => a.from - b.from)) {
    const last = stretches.at(-1);
    // Where one ends as the other begins there may be a moment between them.
    if (last === undefined || last.until <= ready.from) {
      stretches.push({ from: ready.from, until: ready.until, parts: [ready] });
      continue;
    }
    last.until = Math.max(last.until, ready.until);
    last.parts.push(ready);
  }
  return stretches;
}

function* emptiesOf(view: View): Generator<Effect> {
  for (const effect of view.effects)
    if (effect.outcome === "ok" && effect.call.told?.told?.received === 0) yield effect;
}

function queueOf({ call: { asked } }: Effect): string {
  return asked.f === "receive" ? asked.queue : "";
}

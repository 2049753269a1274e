// Q5: first in, first out, by the clock on the wall. Q6: one after the other, by the numbers in the key. Q8: a producer's own order.
//   What is before another in its line is settled before the other is granted (P3), and what is settled is never granted again. So of
//   two messages a before b:
//   O1. every token of a is smaller than every token of b (P5);
//   O2. an ack of a that took effect was asked for before b reached anybody; and what is still there at the end lets nobody pass.
//   O3. where failures are parked, b is delivered only if somebody asked to ack everything before it: key_seqs are dense, and whoever
//       acks has written down what it got.
//   Q5 knows that a is before b when the enqueue of a had returned before that of b began; Q6 when a's key_seq is smaller.
//   Nothing is assumed of what nobody wrote down: grants to processes that died, settlements without an answer, messages that expired
//   their attempts and moved to the dead-letter queue.
//   Assumes: max_in_flight_per_key is 1; no priorities, no delays that let others pass; no redrive.

import type { Check } from "../contract.ts";
import { counted, Findings } from "./findings.ts";
import { greatestBefore, grouped, type Lasting } from "./sweep.ts";
import {
  allMessages,
  certain,
  enqueueOf,
  isThere,
  keyOf,
  keySeqOf,
  lineOf,
  nameOf,
  possible,
  viewOf,
  type Attempt,
  type Message,
  type View,
} from "./view.ts";

/** A message in its line. */
interface Item extends Lasting {
  readonly message: Message;
  readonly firstToken: number;
  readonly lastToken: number;
  readonly firstTime: number;
  /** It was there until then, at least; Infinity: it is still there. */
  readonly leaves: number;
}

export const firstInFirstOut: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q5 first in, first out");
  let looked = 0;
  for (const line of linesOf(view).values()) {
    const items = line.flatMap((message) => {
      const enqueued = enqueueOf(message);
      return enqueued === undefined ? [] : [itemOf(view, message, enqueued.inv, enqueued.ret)];
    });
    looked += items.length;
    const because = (before: Item, item: Item): string =>
      `its enqueue had returned at ${view.at(before.ret)}, that of ${item.message.body} began at ${view.at(item.inv)}`;
    lookForOvertaken(view, items, because, findings);
    const placed = items.filter(({ message }) => keySeqOf(message) !== undefined);
    for (const [before, item] of greatestBefore(placed, ({ message }) => keySeqOf(message) ?? 0)) {
      const [first, second] = [keySeqOf(before.message) ?? 0, keySeqOf(item.message) ?? 0];
      if (first <= second) continue;
      findings.add({
        what: `Out of place: ${nameOf(before.message)} has key_seq ${first}, and ${item.message.body} has ${second}; yet ${because(before, item)}.`,
        ...where(item, [before.ret, item.inv]),
      });
    }
  }
  return findings.verdict(`${counted(looked, "message")} in ordered queues`);
};

export const strictKeys: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q6 one after the other");
  let looked = 0;
  for (const line of linesOf(view).values()) {
    const items = line.flatMap((message) => {
      const keySeq = keySeqOf(message);
      return keySeq === undefined ? [] : [itemOf(view, message, keySeq, keySeq)];
    });
    looked += items.length;
    lookForTwins(items, findings);
    lookForGaps(view, items, findings);
    lookForOvertaken(
      view,
      items,
      (before, item) => `it has key_seq ${before.inv}, and ${item.message.body} has ${item.inv}`,
      findings,
    );
  }
  return findings.verdict(`${counted(looked, "message")} with a place in their line`);
};

/** A place is one message's, and a message has one. */
function lookForTwins(items: readonly Item[], findings: Findings): void {
  const places = new Map<number, Item>();
  for (const item of items) {
    const { message, inv: keySeq } = item;
    const other = places.get(keySeq);
    if (other === undefined) places.set(keySeq, item);
    else
      findings.add({
        what: `Two with one place: ${nameOf(message)} and ${other.message.body} both have key_seq ${keySeq} in key ${keyOf(message)}.`,
        ...where(item, [other.firstTime, item.firstTime]),
      });
    const told = [
      ...message.deliveries.map((delivery) => delivery.keySeq),
      ...message.attempts.flatMap(({ placed }) => placed?.keySeq ?? []),
      ...message.sightings.map((sighting) => sighting.keySeq),
    ];
    const moved = told.find((one) => one !== keySeq);
    if (moved !== undefined)
      findings.add({
        what: `One with two places: ${nameOf(message)} has key_seq ${keySeq} and key_seq ${moved}.`,
        ...where(item, [item.firstTime]),
      });
  }
}

/** O3 */
function lookForGaps(view: View, items: readonly Item[], findings: Findings): void {
  if (view.queues.get(items[0]?.message.queue ?? "")?.onExhausted !== "PARK") return;
  let next = 1;
  let open: Item | undefined;
  for (const item of items.toSorted((a, b) => a.inv - b.inv)) {
    const { message, inv: keySeq, firstTime } = item;
    if (firstTime !== Infinity && (keySeq > next || open !== undefined)) {
      const missing =
        keySeq > next
          ? `key_seq ${next}, which nobody ever got`
          : `${open?.message.body ?? ""} (key_seq ${open?.inv ?? 0}), which nobody ever acked`;
      findings.add({
        what: `Left out: ${nameOf(message)} (key_seq ${keySeq}) was delivered at ${view.at(firstTime)} after ${missing}.`,
        ...where(item, [firstTime]),
      });
      return;
    }
    next = Math.max(next, keySeq + 1);
    if (!possible(message, "ack")) open = item;
  }
}

function lookForOvertaken(
  view: View,
  items: readonly Item[],
  because: (before: Item, item: Item) => string,
  findings: Findings,
): void {
  const { at } = view;
  for (const [before, item] of greatestBefore(items, ({ lastToken }) => lastToken)) {
    if (before.lastToken < item.firstToken) continue;
    findings.add({
      what: `Overtaken: ${nameOf(before.message)} was still granted with token ${before.lastToken} when ${item.message.body} had been granted with token ${item.firstToken}; yet ${because(before, item)}.`,
      ...where(item, [item.firstTime, before.firstTime]),
    });
  }
  for (const [before, item] of greatestBefore(items, ({ leaves }) => leaves)) {
    if (before.leaves <= item.firstTime) continue;
    const until =
      before.leaves === Infinity ? "is still there" : `was acked only at ${at(before.leaves)}`;
    findings.add({
      what: `Overtaken: ${nameOf(before.message)} ${until}, and ${item.message.body} was delivered at ${at(item.firstTime)}; yet ${because(before, item)}.`,
      ...where(item, [item.firstTime, before.leaves]),
    });
  }
}

export const producerOrder: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q8 a producer's order");
  let looked = 0;
  const placedOnes = grouped(placements(view), ({ name }) => name);
  for (const items of placedOnes.values()) {
    looked += items.length;
    for (const [before, item] of greatestBefore(items, ({ seq }) => seq)) {
      if (before.seq < item.seq) continue;
      findings.add({
        what: `Out of order: ${item.attempt.effect.process} enqueued ${before.body} (answered at ${view.at(before.ret)}, seq ${before.seq}) and then ${item.body} (begun at ${view.at(item.inv)}, seq ${item.seq}) in queue ${item.queue}.`,
        ...{ queue: item.queue, key: item.attempt.key, times: [before.ret, item.inv] },
      });
    }
  }
  return findings.verdict(
    `${counted(looked, "enqueue")} of ${counted(placedOnes.size, "producer")} and queue`,
  );
};

interface Placement extends Lasting {
  readonly name: string;
  readonly queue: string;
  readonly body: string;
  readonly seq: number;
  readonly attempt: Attempt;
}

/** A message that was there already has its old number, and says nothing. */
function* placements(view: View): Generator<Placement> {
  for (const { queue, body, attempts } of allMessages(view))
    for (const attempt of attempts) {
      const { placed, effect } = attempt;
      if (placed === undefined || placed.deduplicated) continue;
      const { inv, ret, process } = effect;
      yield { ...{ queue, body, inv, ret, attempt }, name: `${process}/${queue}`, seq: placed.seq };
    }
}

function linesOf(view: View): Map<string, Message[]> {
  const lines = grouped(
    allMessages(view),
    (message) => lineOf(view, message.queue, keyOf(message)) ?? "",
  );
  lines.delete("");
  return lines;
}

function itemOf(view: View, message: Message, inv: number, ret: number): Item {
  const { deliveries } = message;
  let firstTime = Infinity;
  for (const { time } of deliveries) firstTime = Math.min(firstTime, time);
  const acked = certain(message, "ack");
  return {
    ...{ inv, ret, message, firstTime },
    firstToken: deliveries[0]?.token ?? Infinity,
    lastToken: deliveries.at(-1)?.token ?? -Infinity,
    leaves: isThere(view, message) ? Infinity : (acked?.inv ?? -Infinity),
  };
}

function where(
  { message }: Item,
  times: readonly number[],
): { queue: string; key: string; times: readonly number[] } {
  return {
    queue: message.queue,
    key: keyOf(message),
    times: times.filter((time) => Number.isFinite(time)).sort((a, b) => a - b),
  };
}

// Q9: exactly once: a message that is enqueued again is the same message. Q10: numbers only grow.
//   N1. Calls with one dedup id that were answered name one place: the same seq, key_seq and entry. One of them at most stored it; "it
//       was there already" is said only when another call may have stored it.
//   N2. In a queue, a seq is one message's, and a message has one; wherever it is delivered or seen.
//   N3. The entry that decided a call lies between its invocation and its answer. So of two calls, one answered before the other began,
//       the first has no greater log index; and of two that each stored a message, a smaller one.
//   N4. The term of a leader, as one process is told by it, only grows; give or take how long an answer may be under way.
//   Dead letters are new messages in their queue: when two of them may have one body, N2 says nothing of that body.
//   Assumes: the dedup window is longer than the run.

import type { Check } from "../contract.ts";
import { counted, Findings } from "./findings.ts";
import { greatestBefore, grouped, type Lasting } from "./sweep.ts";
import {
  allMessages,
  messageOf,
  nameOf,
  viewOf,
  type Attempt,
  type Effect,
  type Message,
  type View,
} from "./view.ts";

export const exactlyOnce: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q9 exactly once");
  const seqs = new Map<string, Message>();
  let again = 0;
  for (const message of allMessages(view)) {
    if (message.attempts.length > 1) again += message.attempts.length - 1;
    lookForTwoAnswers(view, message, findings);
    if (mayBeTwo(view, message)) continue;
    for (const seq of seqsOf(message)) {
      const name = `${message.queue}/${seq}`;
      const other = seqs.get(name);
      seqs.set(name, message);
      if (other === undefined || other === message) continue;
      findings.add({
        what: `Two with one number: ${nameOf(message)} and ${other.body} both have seq ${seq}.`,
        ...where(message, []),
      });
    }
  }
  return findings.verdict(
    `${counted(seqs.size, "message")}, ${counted(again, "enqueue")} of one that had been asked for before`,
  );
};

function lookForTwoAnswers(view: View, message: Message, findings: Findings): void {
  const answered = message.attempts.filter(({ placed }) => placed !== undefined);
  const stored = answered.filter(({ placed }) => placed?.deduplicated === false);
  const [first, second] = stored;
  if (first !== undefined && second !== undefined)
    findings.add({
      what: `Stored twice: ${nameOf(message)}, by ${told(view, first)} and by ${told(view, second)}.`,
      ...where(message, [first.effect.inv, second.effect.inv]),
    });
  for (const one of answered) {
    if (one.placed?.deduplicated !== true) continue;
    const maker = message.attempts.find(
      ({ effect }) =>
        effect !== one.effect && effect.outcome !== "fail" && effect.inv < one.effect.ret,
    );
    if (maker === undefined)
      findings.add({
        what: `Not stored at all: ${told(view, one)} was told that ${nameOf(message)} had been there already, and no other call can have stored it.`,
        ...where(message, [one.effect.inv]),
      });
  }
  const places = new Set(seqsOf(message));
  if (places.size > 1 && !mayBeTwo(view, message))
    findings.add({
      what: `In one queue twice: ${nameOf(message)} has seq ${[...places].join(" and ")}.`,
      ...where(message, [...message.deliveries.map(({ time }) => time), view.end].slice(0, 1)),
    });
}

function seqsOf({ attempts, deliveries }: Message): number[] {
  const seqs = new Set<number>();
  for (const { placed } of attempts) if (placed !== undefined) seqs.add(placed.seq);
  for (const { seq } of deliveries) seqs.add(seq);
  return [...seqs];
}

/** As a dead letter it can come from several queues, or besides what was enqueued here. */
function mayBeTwo(view: View, { queue, body, attempts }: Message): boolean {
  const sources = view.sources.get(queue) ?? [];
  const from = sources.filter(({ name }) => messageOf(view, name, body) !== undefined).length;
  return from + (attempts.length > 0 ? 1 : 0) > 1;
}

/** A process may have several clients: what one was told can arrive after what another was told later. */
const underWayUs = 30_000_000;

interface Decided extends Lasting {
  readonly effect: Effect;
  readonly index: number;
}

export const monotone: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q10 numbers grow");
  const decided = [...decisions(view)];
  lookForReturn(view, decided, (before, item) => before.index > item.index, findings);
  const stored = decided.filter(({ effect }) => isStore(effect));
  lookForReturn(view, stored, (before, item) => before.index === item.index, findings);
  const terms = lookAtTerms(view, findings);
  return findings.verdict(
    `${counted(decided.length, "log index", "log indices")}, ${counted(terms, "term")}`,
  );
};

function* decisions(view: View): Generator<Decided> {
  for (const effect of view.effects) {
    const told = effect.call.told;
    if (told?.type !== "ok") continue;
    const { logIndex, placed, already } = told.told ?? {};
    // What had been decided before has its old index.
    if (already === true || placed?.some(({ deduplicated }) => deduplicated)) continue;
    const index = logIndex ?? placed?.[0]?.logIndex;
    if (index !== undefined) yield { inv: effect.inv, ret: told.time, effect, index };
  }
}

function isStore({ call: { asked, told } }: Effect): boolean {
  return (
    (asked.f === "enqueue" || asked.f === "enqueue-batch") &&
    told?.told?.placed?.[0]?.logIndex ===
      (told?.told?.logIndex ?? told?.told?.placed?.[0]?.logIndex)
  );
}

function lookForReturn(
  view: View,
  decided: readonly Decided[],
  isWrong: (before: Decided, item: Decided) => boolean,
  findings: Findings,
): void {
  for (const [before, item] of greatestBefore(decided, ({ index }) => index)) {
    if (!isWrong(before, item)) continue;
    findings.add({
      what: `Back in the log: ${call(before)} was answered at ${view.at(before.ret)} with log index ${before.index}; ${call(item)} began at ${view.at(item.inv)} and has ${item.index}.`,
      times: [before.ret, item.inv],
    });
  }
}

/** N4. */
function lookAtTerms(view: View, findings: Findings): number {
  let looked = 0;
  for (const [process, notes] of view.notes) {
    const attached = notes.filter(({ what }) => what === "attached");
    const byNode = grouped(attached, ({ detail }) => `${detail?.["endpoint"]}`);
    for (const [endpoint, some] of byNode) {
      const terms = some.flatMap(({ time, detail }) => {
        const term = Number(detail?.["term"]);
        return Number.isNaN(term) ? [] : [{ inv: time - underWayUs, ret: time, term }];
      });
      looked += terms.length;
      for (const [before, item] of greatestBefore(terms, ({ term }) => term)) {
        if (before.term <= item.term) continue;
        findings.add({
          what: `Back in time: ${process} was attached to ${endpoint} in term ${before.term} at ${view.at(before.ret)}, and at ${view.at(item.ret)} in term ${item.term}.`,
          times: [before.ret, item.ret],
        });
      }
    }
  }
  return looked;
}

function call({ effect: { process, call } }: Decided): string {
  const { f, op } = call.asked;
  return `${process}'s ${f} (op ${op})`;
}

function told(view: View, { effect, placed }: Attempt): string {
  const seq = placed === undefined ? "" : `, seq ${placed.seq}`;
  return `${effect.process}'s ${effect.call.asked.f} (asked at ${view.at(effect.inv)}${seq})`;
}

function where(
  message: Message,
  times: readonly number[],
): { queue: string; key: string; times: readonly number[] } {
  const { queue, attempts, deliveries } = message;
  return { queue, key: attempts[0]?.key ?? deliveries[0]?.key ?? "", times };
}

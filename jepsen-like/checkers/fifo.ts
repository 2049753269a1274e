// Queues of the workload "fifo" as histories of a plain FIFO queue, for the exact check (reliability.md §2.4).
//   F1. A message is dequeued when it is acked: until then it is at the head, and lets nobody pass (P3).
//   F2. An ack without an answer is resolved by what came later: if the message was delivered again, or is still there at the end, by a
//       later ack or by none; if not, it took effect, no later than when the next message was delivered.
//   F3. A message that left in another way (dead letter, discard), or by which of several acks nobody knows, left at some moment
//       after its enqueue began. One whose enqueue had no answer, that nobody ever got and that is not there at the end, never was.
//   F4. "Nothing is there" is also said while the head is leased. So an empty answer counts only where certainly nothing was: every
//       message that may have been leased by then, seen or unseen, was acked before the call, or was enqueued after it. A message is
//       certainly not leased before the receive that brought it, if that was its first delivery and the number says so.
//   Everything here makes the history weaker, never stronger: what the exact check refutes was not possible.
//   Assumes: TOTAL order, one message in flight, a browse at the end when all was quiet.

import { checkFifo } from "../check/fifo/check.ts";
import { countBelow } from "../check/ticks.ts";
import { standardBounds } from "../check/verdict.ts";
import { counted, Findings, skipped } from "./black-box/findings.ts";
import {
  certain,
  enqueueOf,
  isThere,
  keySeqOf,
  viewOf,
  type Effect,
  type Message,
  type View,
} from "./black-box/view.ts";
import type { Check, DeclaredQueue } from "./contract.ts";

interface Op {
  readonly f: "enqueue" | "dequeue";
  readonly v: string;
  readonly inv: number;
  readonly ret: number | null;
}

const name = "exact FIFO";

export const fifo: Check = (evidence) => {
  const queues = evidence.queues.filter(
    ({ workload, ordering }) => workload === "fifo" && ordering === "TOTAL",
  );
  if (queues.length === 0) return skipped(name, "no queue of the workload fifo");
  const view = viewOf(evidence);
  const findings = new Findings(name);
  let [calls, empties] = [0, 0];
  for (const queue of queues) {
    const ops = new Translation(view, queue).ops();
    calls += ops.length;
    empties += ops.filter(({ v }) => v === "empty").length;
    const verdict = checkFifo(JSON.stringify({ ops }), standardBounds);
    if (verdict.linearizable === true) continue;
    if (verdict.linearizable === "unknown") findings.undecided(verdict.because);
    else {
      const { because, ops: few } = verdict.counterexample;
      const times = few.flatMap(({ inv, ret }) => [inv, ret]);
      findings.add({
        what: `Queue ${queue.name}: ${because} (Times in microseconds.)`,
        ...{ queue: queue.name, times: times.filter((time) => typeof time === "number") },
      });
    }
  }
  return findings.verdict(
    `${counted(calls, "operation")}, ${counted(empties, "empty answer")} of them, of ${counted(queues.length, "queue")}`,
  );
};

/** A message is leased, or may be, from then until then. */
interface Held {
  readonly from: number;
  readonly until: number;
}

class Translation {
  readonly #view: View;
  readonly #queue: DeclaredQueue;
  readonly #messages: readonly Message[];
  /** Of the k-th message: when the first of those behind it was delivered. */
  readonly #nextCame: number[] = [];
  readonly #hasEnd: boolean;

  constructor(view: View, queue: DeclaredQueue) {
    this.#view = view;
    this.#queue = queue;
    const all = [...(view.messages.get(queue.name)?.values() ?? [])];
    this.#messages = all.sort((a, b) => (keySeqOf(a) ?? Infinity) - (keySeqOf(b) ?? Infinity));
    this.#hasEnd = view.lastBrowse.has(queue.name);
    let came = Infinity;
    for (let at = this.#messages.length - 1; at >= 0; at--) {
      this.#nextCame[at] = came;
      for (const { time } of this.#messages[at]?.deliveries ?? []) came = Math.min(came, time);
    }
  }

  ops(): Op[] {
    const ops: Op[] = [];
    const held: Held[] = [];
    for (const [at, message] of this.#messages.entries()) {
      const enqueued = enqueueOf(message);
      if (enqueued === undefined) {
        // Nobody asked for it, and here it is: the check says so. What was refused, and never came, never was.
        if (message.deliveries.length === 0) continue;
      } else if (enqueued.ret === Infinity && !this.#mayBeThere(message)) continue; // F3
      const { body, deliveries } = message;
      const inv = enqueued?.inv ?? this.#view.start;
      if (enqueued !== undefined)
        ops.push({ f: "enqueue", v: body, inv, ret: finite(enqueued.ret) });
      const taken = this.#taken(message, at, inv);
      if (taken !== undefined) ops.push({ f: "dequeue", v: body, ...taken });
      held.push({ from: this.#leasedFrom(message, inv), until: taken?.ret ?? Infinity });
      if (enqueued === undefined && taken === undefined)
        for (const { time } of deliveries.slice(0, 1))
          ops.push({ f: "dequeue", v: body, inv: time, ret: time });
    }
    return [...ops, ...this.#empties(held)];
  }

  /** It was not answered, and nobody got it: only the end can tell whether it is there. */
  #mayBeThere(message: Message): boolean {
    return message.deliveries.length > 0 || isThere(this.#view, message) || !this.#hasEnd;
  }

  /** When it left; undefined: it did not. */
  #taken(message: Message, at: number, enqueued: number): { inv: number; ret: number } | undefined {
    const acked = certain(message, "ack");
    const latest = this.#view.end + 1;
    if (acked !== undefined) return { inv: acked.inv, ret: Math.min(acked.ret, latest) };
    if (isThere(this.#view, message)) return undefined;
    const newest = message.deliveries.at(-1)?.token;
    const possible = message.settlings.filter(({ effect }) => effect.outcome !== "fail");
    const acks = possible.filter(({ f, lease }) => f === "ack" && lease.token === newest);
    const isPlain = this.#queue.onExhausted === "PARK";
    // While nobody looked at the end it may still be there, and later ones were not delivered.
    const gone = this.#hasEnd || (this.#nextCame[at] ?? Infinity) !== Infinity;
    if (!gone || (isPlain && acks.length === 0)) return undefined;
    const inv = isPlain ? Math.min(...acks.map(({ effect }) => effect.inv)) : enqueued;
    return { inv, ret: Math.max(inv, Math.min(latest, this.#nextCame[at] ?? Infinity)) };
  }

  /** F4 */
  #leasedFrom(message: Message, enqueued: number): number {
    const [first] = message.deliveries;
    if (first?.deliveries !== 1) return enqueued;
    return this.#view.receiveOf(first)?.inv ?? enqueued;
  }

  #empties(held: readonly Held[]): Op[] {
    const sorted = held.toSorted((a, b) => a.from - b.from);
    const froms = sorted.map(({ from }) => from);
    const untils: number[] = [];
    for (const { until } of sorted) untils.push(Math.max(until, untils.at(-1) ?? -Infinity));
    const isFree = ({ inv, ret }: Effect): boolean =>
      (untils[countBelow(froms, ret + 1) - 1] ?? -Infinity) < inv;
    return this.#view.effects
      .filter(({ call: { asked, told }, outcome }) => {
        const isOfQueue = asked.f === "receive" && asked.queue === this.#queue.name;
        return isOfQueue && outcome === "ok" && told?.told?.received === 0;
      })
      .filter(isFree)
      .map(({ inv, ret }) => ({ f: "dequeue", v: "empty", inv, ret }));
  }
}

function finite(time: number): number | null {
  return time === Infinity ? null : time;
}

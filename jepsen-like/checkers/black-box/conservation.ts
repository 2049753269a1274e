// Q11: the sums are right. Q14: what became of the calls without an answer.
//   A read of a queue's counters is linearizable: at some moment between its call and its answer
//   - as many messages had been enqueued as were acknowledged before the call, at least, and as were asked for before the answer, at most;
//   - the same of acks;
//   - everything that was enqueued was acked, dead-lettered, discarded, or there.
//   In queues that get dead letters there is no upper bound for what was enqueued, and in none for what nobody wrote down.
//   Assumes: counters are those since the queue's creation, named as in the client; nothing expires, is cancelled, skipped or redriven
//   (else the third is not looked at).
//   Q14 forbids nothing: it counts.

import type { Check } from "../contract.ts";
import { countBelow } from "../../check/ticks.ts";
import { counted, Findings } from "./findings.ts";
import { grouped } from "./sweep.ts";
import { allMessages, enqueueOf, viewOf, type Effect, type View } from "./view.ts";

/** Ascending times of one thing that happened many times: when it certainly had, and when it may have, at the earliest. */
interface Times {
  readonly certain: number[];
  readonly possible: number[];
}

interface Totals {
  readonly enqueued: Times;
  readonly acked: Times;
}

export const conservation: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q11 conservation");
  const totals = totalsOf(view);
  const reads = grouped(readsOf(view), ({ queue }) => queue);
  let looked = 0;
  for (const [queue, ofQueue] of reads) {
    looked += ofQueue.length;
    const total = totals(queue);
    for (const read of ofQueue) {
      const letters = (view.sources.get(queue) ?? []).length > 0;
      lookAtBounds(view, read, "enqueued", total.enqueued, letters, findings);
      lookAtBounds(view, read, "acked", total.acked, false, findings);
      lookAtSum(view, read, findings);
    }
  }
  return findings.verdict(
    `${counted(looked, "read")} of the counters of ${counted(reads.size, "queue")}`,
  );
};

interface Read {
  readonly queue: string;
  readonly effect: Effect;
  readonly counters: Readonly<Record<string, number>>;
}

function* readsOf(view: View): Generator<Read> {
  for (const effect of view.effects) {
    const { asked, told } = effect.call;
    const counters = told?.told?.counters;
    if (asked.f === "get-queue" && effect.outcome === "ok" && counters !== undefined)
      yield { queue: asked.queue, effect, counters };
  }
}

function totalsOf(view: View): (queue: string) => Totals {
  const all = new Map<string, Totals>();
  const of = (queue: string): Totals => {
    const known = all.get(queue);
    if (known !== undefined) return known;
    const none = (): Times => ({ certain: [], possible: [] });
    const made = { enqueued: none(), acked: none() };
    all.set(queue, made);
    return made;
  };
  for (const message of allMessages(view)) {
    const { enqueued, acked } = of(message.queue);
    const times = enqueueOf(message);
    if (times !== undefined) {
      enqueued.possible.push(times.inv);
      if (times.ret !== Infinity) enqueued.certain.push(times.ret);
    }
    const acks = message.settlings.filter(
      ({ f, effect }) => f === "ack" && effect.outcome !== "fail",
    );
    if (acks.length === 0) continue;
    acked.possible.push(Math.min(...acks.map(({ effect }) => effect.inv)));
    const rets = acks
      .filter(({ effect }) => effect.outcome === "ok")
      .map(({ effect }) => effect.ret);
    if (rets.length > 0) acked.certain.push(Math.min(...rets));
  }
  for (const { enqueued, acked } of all.values())
    for (const times of [enqueued.certain, enqueued.possible, acked.certain, acked.possible])
      times.sort((a, b) => a - b);
  return of;
}

function lookAtBounds(
  view: View,
  { queue, effect: { inv, ret, process }, counters }: Read,
  name: "enqueued" | "acked",
  { certain, possible }: Times,
  unbounded: boolean,
  findings: Findings,
): void {
  const count = counters[name];
  if (count === undefined) return;
  const least = countBelow(certain, inv);
  const most = unbounded ? Infinity : countBelow(possible, ret + 1);
  if (count >= least && count <= most) return;
  const bound =
    count < least
      ? `${least} were certainly ${name} before`
      : `${most} were asked to be ${name} until then`;
  findings.add({
    what: `Miscounted: ${process} read at ${view.at(ret)} that ${count} messages of queue ${queue} had been ${name}; ${bound}.`,
    ...{ queue, times: [inv, ret] },
  });
}

const notLookedAt = ["expired", "cancelled", "skipped", "redriven", "delayed"];

function lookAtSum(view: View, { queue, effect, counters }: Read, findings: Findings): void {
  const of = (name: string): number => counters[name] ?? 0;
  if (counters["enqueued"] === undefined || counters["ready"] === undefined) return;
  if (notLookedAt.some((name) => of(name) !== 0)) return;
  const there = of("ready") + of("leased") + of("retrying") + of("parked");
  const gone = of("acked") + of("deadLettered") + of("discarded");
  if (of("enqueued") === gone + there) return;
  findings.add({
    what: `Does not add up: ${effect.process} read at ${view.at(effect.ret)} that of ${of("enqueued")} messages of queue ${queue} ${of("acked")} had been acked, ${of("deadLettered")} dead-lettered, ${of("discarded")} discarded, and ${there} were there.`,
    ...{ queue, times: [effect.inv, effect.ret] },
  });
}

export const recovered: Check = (evidence) => {
  const view = viewOf(evidence);
  let unanswered = 0;
  let tookEffect = 0;
  for (const { call, outcome } of view.effects) {
    if (call.told?.type === "ok" || call.told?.type === "fail") continue;
    unanswered += 1;
    if (outcome === "ok") tookEffect += 1;
  }
  return new Findings("Q14 recovered").verdict(
    `${counted(unanswered, "call")} without an answer, ${tookEffect.toLocaleString("en")} of them seen to have taken effect`,
  );
};

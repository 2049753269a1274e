// Step 5: the order of the log is the order of real time, as far as that orders anything.
//   T1. A call that changes something stands behind everything that had been answered before it was made.
//   T2. A read sees at least the newest entry that anybody had been told of before it was made.
//   T3. What is asked for after an answer stands behind it: so a read without an index has an upper bound too.

import type { Call, Verdict } from "../contract.ts";
import { counted } from "../black-box/findings.ts";
import { Findings } from "./findings.ts";

/** What a call that says no index of its own may have seen. */
export interface Span {
  /** At least the state after this entry. */
  readonly least: number;
  /** At most the state after this one. */
  readonly most: number;
}

export interface RealTime {
  readonly verdict: Verdict;
  readonly spans: ReadonlyMap<Call, Span>;
}

/** `indexOf`: entries of calls that changed something (map.ts). `barrier`: the last entry looked at. */
export function realTime(
  calls: readonly Call[],
  indexOf: ReadonlyMap<Call, number>,
  barrier: number,
): RealTime {
  const findings = new Findings("witness 5: real time");
  const answered: { readonly at: number; readonly index: number; readonly call: Call }[] = [];
  for (const call of calls) {
    const { told } = call;
    if (told?.type !== "ok") continue;
    const index = indexOf.get(call) ?? told.told?.logIndex;
    if (index !== undefined) answered.push({ at: told.time, index, call });
  }
  answered.sort((a, b) => a.at - b.at);
  const byInvocation = [...calls].sort((a, b) => a.asked.time - b.asked.time);
  const least = new Map<Call, number>();
  let next = 0;
  let newest: { readonly index: number; readonly call: Call } | undefined;
  let compared = 0;
  for (const call of byInvocation) {
    for (
      let one = answered[next];
      one !== undefined && one.at < call.asked.time;
      one = answered[++next]
    )
      if (newest === undefined || one.index > newest.index) newest = one;
    if (newest === undefined) continue;
    least.set(call, newest.index);
    const changed = indexOf.get(call);
    const seen = call.told?.type === "ok" ? call.told.told?.logIndex : undefined;
    const index = changed ?? seen;
    if (index === undefined) continue;
    compared++;
    if (changed === undefined ? index >= newest.index : index > newest.index) continue;
    findings.add(overtaken(call, index, newest, changed === undefined ? "T2" : "T1"));
  }
  const looked = `${counted(compared, "call")} against what had been answered before`;
  return {
    verdict: findings.verdict(looked),
    spans: spansOf(calls, byInvocation, indexOf, least, barrier),
  };
}

function overtaken(
  { asked, told }: Call,
  index: number,
  before: { readonly index: number; readonly call: Call },
  rule: string,
) {
  const earlier = before.call.asked;
  return {
    what:
      `${rule}: ${asked.process} asked for its ${asked.f} (call ${asked.op}) after ${earlier.process} had the answer to its ` +
      `${earlier.f} (call ${earlier.op}) of entry ${before.index}; it ${rule === "T1" ? "stands in" : "saw"} entry ${index}`,
    times: [
      earlier.time,
      before.call.told?.time ?? earlier.time,
      asked.time,
      told?.time ?? asked.time,
    ],
  };
}

/** Of reads: from the newest that was known before, to the last before anything that was asked for afterwards. */
function spansOf(
  calls: readonly Call[],
  byInvocation: readonly Call[],
  indexOf: ReadonlyMap<Call, number>,
  least: ReadonlyMap<Call, number>,
  barrier: number,
): Map<Call, Span> {
  const reads = calls.filter(
    ({ asked, told }) => (asked.f === "get-queue" || asked.f === "browse") && told?.type === "ok",
  );
  reads.sort((a, b) => (b.told?.time ?? 0) - (a.told?.time ?? 0));
  const spans = new Map<Call, Span>();
  let next = byInvocation.length - 1;
  let first = barrier + 1;
  for (const read of reads) {
    const at = read.told?.time ?? 0;
    for (
      let call = byInvocation[next];
      call !== undefined && call.asked.time > at;
      call = byInvocation[--next]
    )
      first = Math.min(first, indexOf.get(call) ?? Infinity);
    const index = read.told?.told?.logIndex;
    const span = { least: least.get(read) ?? 0, most: Math.max(first - 1, least.get(read) ?? 0) };
    spans.set(read, index === undefined ? span : { least: index, most: index });
  }
  return spans;
}

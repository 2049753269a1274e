// The witness-order check (reliability.md §2.2): the log that the nodes agree on is itself an order in which everything that anybody
// saw could have happened, one thing after the other. It is exact for any semantics, and takes the time of a few sorts.
//   K1. Nothing of the product is believed: what a log says is compared with what clients were told, and the other way round. A wrong
//       index can make this check fail, never pass.
//   K2. Before the barrier nothing is known: a call may still be under way. Then every verdict is "inconclusive".
//   K3. So it is when the log's beginning is gone: what the queues held then is not known.

import type { Check, Evidence, Verdict } from "../contract.ts";
import { agree, equalDigests } from "./agree.ts";
import { stepsOf } from "./log.ts";
import { map } from "./map.ts";
import { realTime } from "./real-time.ts";
import { replay } from "./replay.ts";
import { sessions } from "./sessions.ts";

const steps = [
  "witness 2: answers and the log",
  "witness 3: unknown outcomes",
  "witness 4: replay",
  "witness 5: real time",
  "witness 6: sessions",
];

/** One verdict for each of the six steps, and one for the digests. */
export const witness: Check = ({ history, logs, queues, digests, barrier }: Evidence) => {
  const states = equalDigests(digests);
  const { log, verdict } = agree(logs, barrier);
  const whole = wholeness(log[0]?.index, log.at(-1)?.index, barrier);
  if (whole !== undefined) {
    const first =
      verdict.result === "violated"
        ? verdict
        : { ...verdict, result: "inconclusive" as const, why: whole };
    return [first, ...unknown(whole), states];
  }
  const commands = stepsOf(log);
  const { standings, verdict: ofSessions } = sessions(commands);
  const mapping = map(history.calls, commands, standings, queues);
  const ofTime = realTime(history.calls, mapping.indexOf, barrier);
  const ofReplay = replay(mapping.commands, history.delivered, ofTime.spans);
  return [verdict, ...mapping.verdicts, ofReplay, ofTime.verdict, ofSessions, states];
};

/** K2, K3: what is missing; undefined: nothing. */
function wholeness(
  first: number | undefined,
  last: number | undefined,
  barrier: number,
): string | undefined {
  if (first === undefined || last === undefined)
    return barrier > 0
      ? `no node has the barrier, entry ${barrier}`
      : "the run did not get to its barrier";
  if (first > 1)
    return `the log begins with entry ${first}: what was before is gone from every node`;
  if (last < barrier) return `no node has entry ${last + 1}, which is before the barrier`;
  return undefined;
}

function unknown(why: string): Verdict[] {
  return steps.map((check) => ({
    check,
    result: "inconclusive",
    looked: "nothing",
    why,
    findings: [],
  }));
}

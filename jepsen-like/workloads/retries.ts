// Exactly once, by name: a client that gives up soon and asks again, under the same dedup id; a process that is killed, whose
// successor reads its history and asks again what was never answered. Each message is stored once, however often it was asked for.
//
//   X1. All tries of a message have the same key, body and dedup id.
//   X2. All answers to them name the same place.

import type { Enqueued } from "../../client/index.ts";
import { readHistory } from "../history/reader.ts";
import type { Calls, Outcome } from "./calls.ts";
import { every, pause, stream } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const name = "retries";
const dedupWindowMs = 3_600_000;
const keysPerSlot = 5;
const triesMax = 30;
const betweenTriesMs = 50;
/** So often a message is asked for again although it was answered. */
const againChance = 0.1;
const credit = 20;

export const retries: Workload = {
  name,
  what: "the same message asked for again and again under one dedup id, also by the successor of a killed process",
  queues: [queueNamed(name, { workload: name, more: { dedupWindowMs } })],
  share: 2,
  callsPerStep: 2.4,
  roles: [
    { name: "asker", runsIn: "all", produces: true, hasty: true, run: ask },
    {
      name: "taker",
      runsIn: "all",
      produces: false,
      run: ({ calls, ends }) =>
        stream(calls, name, credit, ends, (held) => calls.settle("ack", held)),
    },
  ],
};

interface Asked {
  readonly key: string;
  readonly body: string;
  readonly dedupId: string;
}

async function ask(stage: Stage): Promise<void> {
  const { calls, random, rate, ends, slot } = stage;
  for (const unanswered of await unansweredBefore(stage)) await untilAnswered(stage, unanswered);
  // One at a time of a key, so that what is asked for again is not overtaken.
  const free = Array.from({ length: keysPerSlot }, (_, index) => `${slot}/${index}`);
  await every(rate, ends, async () => {
    const [key] = free.splice(random.between(0, free.length - 1), 1);
    if (key === undefined) return;
    const body = calls.newBody();
    await untilAnswered(stage, { key, body, dedupId: body });
    free.push(key);
  });
}

/** What the life before this one asked for, and did not see answered. */
async function unansweredBefore({ historyBefore }: Stage): Promise<Asked[]> {
  if (historyBefore === undefined) return [];
  const { history } = await readHistory([historyBefore]);
  const asked = new Map<string, Asked>();
  for (const { asked: call, told } of history.calls) {
    if (call.f !== "enqueue" || call.dedupId === undefined) continue;
    const { key, body, dedupId } = call;
    if (told?.type === "ok") asked.delete(dedupId);
    else asked.set(dedupId, { key, body, dedupId });
  }
  return [...asked.values()];
}

async function untilAnswered(stage: Stage, asked: Asked): Promise<void> {
  const { calls, random, ends } = stage;
  for (let tries = 0; tries < triesMax; tries++) {
    const outcome = await enqueue(calls, asked);
    if (outcome.type === "ok") {
      if (random.chance(againChance))
        compare(stage, asked, outcome.value, await enqueue(calls, asked));
      return;
    }
    if (!(await pause(betweenTriesMs, ends))) return;
  }
}

function enqueue(calls: Calls, { dedupId, ...message }: Asked): Promise<Outcome<Enqueued>> {
  return calls.enqueue(name, message, { dedupId });
}

/** X2 */
function compare(stage: Stage, asked: Asked, first: Enqueued, again: Outcome<Enqueued>): void {
  if (again.type !== "ok") return;
  const { seq, keySeq, deduplicated } = again.value;
  if (deduplicated && seq === first.seq && keySeq === first.keySeq) return;
  stage.complain(
    `queue ${name}, key ${asked.key}: ${asked.body} was stored as ${first.seq} (${first.keySeq} of its key); asked for again ` +
      `it is ${seq} (${keySeq}), ${deduplicated ? "as the same" : "as a new message"}`,
  );
}

// Pipeline: consume, transform, produce, in one commit. What enters the first queue leaves the last one once, in the order of its key.
//
//   L1. Body: "<process>-<n> <origin>", where origin is the first word of the body that entered the first queue. Each try makes a new
//       body: of several tries of one message at most one takes effect.

import type { Held } from "./calls.ts";
import { every, stream } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const workload = "pipeline";
const stages = ["pipeline-1", "pipeline-2", "pipeline-3"] as const;
const [first, second, last] = stages;
const keys = 12;
const credit = 10;

export const pipeline: Workload = {
  name: workload,
  what: "consume, transform, produce in one commit, over three queues",
  queues: stages.map((name) => queueNamed(name, { workload })),
  share: 3,
  callsPerStep: 4,
  roles: [
    { name: "source", runsIn: "all", produces: true, run: feed },
    { name: "stage-1", runsIn: "all", produces: false, run: (stage) => move(stage, first, second) },
    { name: "stage-2", runsIn: "all", produces: false, run: (stage) => move(stage, second, last) },
    {
      name: "sink",
      runsIn: "all",
      produces: false,
      run: ({ calls, ends }) =>
        stream(calls, last, credit, ends, (held) => calls.settle("ack", held)),
    },
  ],
};

async function feed({ calls, random, rate, ends }: Stage): Promise<void> {
  await every(rate, ends, () => {
    const body = calls.newBody();
    const key = `k${random.between(1, keys)}`;
    return calls.enqueue(first, { key, body: `${body} ${body}` });
  });
}

async function move({ calls, ends }: Stage, from: string, to: string): Promise<void> {
  await stream(calls, from, credit, ends, async (held) => {
    const committed = await calls.commit([held], [{ queue: to, ...transformed(calls, held) }]);
    // It is held as before: given back, somebody may have more luck. After an unknown end its lease ends by itself.
    if (committed.type === "fail") await calls.settle("release", held);
  });
}

function transformed(calls: Stage["calls"], { lease }: Held): { key: string; body: string } {
  const [, origin = ""] = lease.body.split(" ");
  return { key: lease.key, body: `${calls.newBody()} ${origin}` };
}

// Total queue: unique messages go in, all of them come out. Nothing is taken until there is a backlog; then everything is, in bursts.

import { every, pause } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const name = "total-queue";
const batchChance = 0.1;
const batchMax = 10;
const restMs = [2_000, 7_000] as const;
const takenAtOnce = 40;

export const totalQueue: Workload = {
  name,
  what: "unique messages without an order, in bursts: what went in comes out, once",
  queues: [queueNamed(name, { workload: name, ordering: "NONE" })],
  share: 2,
  callsPerStep: 2.5,
  roles: [
    { name: "filler", runsIn: "all", produces: true, run: fill },
    { name: "drainer", runsIn: "one", produces: false, run: drain },
  ],
};

async function fill({ calls, random, rate, ends }: Stage): Promise<void> {
  const newMessage = (): { key: string; body: string } => ({ key: "", body: calls.newBody() });
  await every(rate, ends, () => {
    if (!random.chance(batchChance)) return calls.enqueue(name, newMessage());
    return calls.enqueueBatch(name, Array.from({ length: batchMax }, newMessage));
  });
}

async function drain({ calls, random, ends }: Stage): Promise<void> {
  while (await pause(random.between(...restMs), ends)) {
    for (;;) {
      const received = await calls.receive(name, takenAtOnce, 0);
      if (received.type !== "ok" || received.value.length === 0 || ends.aborted) break;
      await Promise.all(received.value.map((held) => calls.settle("ack", held)));
    }
  }
}

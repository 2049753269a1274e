// Locks: who holds the lease of a key's head may write to a database, and shows its fencing token. Some holders sleep longer than their
// lease and write all the same: zombies, which the database tells from the holder by the token alone (P5).
//
//   Z1. Whose write was refused has lost the lease: its ack must be refused as well.

import type { Held } from "./calls.ts";
import { every, pause, poll } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const name = "fencing";
const leaseMs = 700;
const locks = 5;
const sleepChance = 0.15;
const sleepMs = [leaseMs, 2.5 * leaseMs] as const;
const waitMs = 300;

export const fencing: Workload = {
  name,
  what: "locks with fencing tokens: a database refuses who lost the lease, and so must the queue",
  queues: [queueNamed(name, { workload: name, leaseMs })],
  share: 1,
  callsPerStep: 4,
  roles: [
    {
      name: "turns",
      runsIn: "all",
      produces: true,
      run: ({ calls, random, rate, ends }) =>
        every(rate, ends, () =>
          calls.enqueue(name, { key: `lock-${random.between(1, locks)}`, body: calls.newBody() }),
        ),
    },
    {
      name: "holder",
      runsIn: "all",
      produces: false,
      run: (stage) =>
        poll(
          stage.rate,
          stage.ends,
          () => stage.calls.receive(name, 1, waitMs),
          (held) => write(stage, held),
        ),
    },
  ],
};

async function write(stage: Stage, held: Held): Promise<void> {
  const { calls, random, database, complain, ends } = stage;
  if (random.chance(sleepChance)) await pause(random.between(...sleepMs), ends);
  const { lease } = held;
  const { accepted } = await database(lease);
  const acked = await calls.settle("ack", held);
  if (accepted || acked.type !== "ok") return;
  complain(
    `queue ${name}, key ${lease.key}: token ${lease.token} was refused by the database, which had seen a greater one, ` +
      `and its ack of message ${lease.keySeq} was taken (Z1)`,
  );
}

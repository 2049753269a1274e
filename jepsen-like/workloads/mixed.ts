// Everything that can become of a delivery: acks, nacks, rejects, releases, leases that are left to expire. One queue sends what failed
// for good to a dead-letter queue, the other parks it.
//
//   M1. Keys of the queue that parks are left after some messages: one with a parked message delivers nothing more.

import type { Held } from "./calls.ts";
import { every, poll } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const workload = "mixed";
const dead = "mixed-dead";
const dying = "mixed";
const parking = "mixed-park";
const leaseMs = 800;
const retry = { initialMs: 50, multiplier: 2, maxMs: 400 };
const takenAtOnce = 5;
const waitMs = 200;
const keys = 10;
const messagesPerParkingKey = 15;
const parkingChance = 0.25;
/** What is not named here is acked. */
const chances = [
  ["nack", 0.1],
  ["reject", 0.01],
  ["release", 0.04],
  ["expire", 0.02],
] as const;

export const mixed: Workload = {
  name: workload,
  what: "nacks, rejects, releases, expired leases, dead letters, parked keys",
  queues: [
    queueNamed(dead, { workload, holds: "dead-letters" }),
    queueNamed(dying, {
      workload,
      leaseMs,
      maxAttempts: 3,
      onExhausted: "DEAD_LETTER",
      deadLetterQueue: dead,
      more: { retry },
    }),
    queueNamed(parking, { workload, leaseMs, maxAttempts: 3, more: { retry } }),
  ],
  share: 3,
  callsPerStep: 2.8,
  roles: [
    { name: "sender", runsIn: "all", produces: true, run: send },
    { name: "handler", runsIn: "all", produces: false, run: (stage) => handle(stage, dying) },
    { name: "parker", runsIn: "all", produces: false, run: (stage) => handle(stage, parking) },
  ],
};

async function send({ calls, random, rate, ends }: Stage): Promise<void> {
  let parkingSent = 0;
  await every(rate, ends, () => {
    const body = calls.newBody();
    if (!random.chance(parkingChance))
      return calls.enqueue(dying, { key: `m${random.between(1, keys)}`, body });
    const key = `${calls.process}/${Math.floor(parkingSent++ / messagesPerParkingKey)}`;
    return calls.enqueue(parking, { key, body });
  });
}

async function handle({ calls, random, rate, ends }: Stage, queue: string): Promise<void> {
  await poll(
    rate,
    ends,
    () => calls.receive(queue, takenAtOnce, waitMs),
    async (held: Held) => {
      const how = drawn(random.next());
      if (how !== "expire") await calls.settle(how, held);
    },
  );
}

type End = (typeof chances)[number][0] | "ack";

function drawn(chance: number): End {
  let above = 0;
  for (const [end, probability] of chances) {
    above += probability;
    if (chance < above) return end;
  }
  return "ack";
}

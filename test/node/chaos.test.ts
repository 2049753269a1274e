// Whole nodes under random trouble: crashes, loss of power, partitions, slow disks, wrong clocks, snapshots. A client with a
// session asks again until it is answered, as the SDK does; nothing may be lost, doubled or seen too late.

import { describe, expect, test } from "vitest";
import type { Unanswered } from "../../node/proposer.ts";
import { defaultOptions, type Answer, type Command, type Origin } from "../../queue/index.ts";
import { randomFrom } from "./fakes.ts";
import { ClusterOfNodes, type Member } from "./cluster-of-nodes.ts";

const createQueue: Command = { kind: "create-queue", name: "q", options: defaultOptions() };

/** Calls of one session, one after the other, each repeated with its number until it has an answer (P6, H1). */
class Caller {
  readonly world: ClusterOfNodes;
  readonly session: number;
  readonly answers: Answer[] = [];
  #sequence = 0;
  #pending:
    | {
        sequence: number;
        command: Command;
        asked: { answers: (Answer | Unanswered)[] };
        until: number;
      }
    | undefined;

  constructor(world: ClusterOfNodes, session: number) {
    this.world = world;
    this.session = session;
  }

  step(next: () => Command): void {
    const { world } = this;
    const answer = this.#pending?.asked.answers[0];
    if (this.#pending !== undefined && answer !== undefined && !("kind" in answer)) {
      this.answers.push(answer);
      this.#pending = undefined;
    }
    const retry = this.#pending;
    const now = world.time.now;
    if (retry !== undefined && answer === undefined && now < retry.until) return;
    const up = world.running;
    const member = world.leader ?? up[Math.floor(world.random() * up.length)];
    if (member === undefined) return;
    if (retry === undefined) this.#sequence += 1;
    const sequence = this.#sequence;
    const command = retry?.command ?? next();
    const origin: Origin = { session: this.session, sequence, floor: sequence };
    const asked = world.askNode(member.id, command, origin);
    this.#pending = { sequence, command, asked, until: now + 400 };
  }

  get idle(): boolean {
    const answer = this.#pending?.asked.answers[0];
    return this.#pending === undefined || (answer !== undefined && !("kind" in answer));
  }
}

async function trouble(world: ClusterOfNodes, slow: Set<number>): Promise<void> {
  const { random, members } = world;
  const any = (): Member => world.member(1 + Math.floor(random() * members.size));
  const one = random() < 0.5 ? (world.leader ?? any()) : any();
  const dice = random();
  if (dice < 0.2 && one.node !== undefined) world.kill(one.id);
  else if (dice < 0.35 && one.node !== undefined) world.powerLoss(one.id);
  else if (dice < 0.4) for (const { id } of world.running) world.powerLoss(id);
  else if (dice < 0.55) world.isolate(one.id);
  else if (dice < 0.7) world.heal();
  else if (dice < 0.78) slow.add(one.id);
  else if (dice < 0.84) slow.clear();
  else if (dice < 0.9) one.clock.wallSkewMs = (random() - 0.5) * 7_200_000;
  else if (dice < 0.94 && one.node !== undefined)
    await world.stop(one.id).then(() => world.bury(one.id));
  for (const { id, node } of members.values())
    if (node === undefined && random() < 0.4) await world.start(id);
}

async function run(seed: number): Promise<ClusterOfNodes> {
  const slow = new Set<number>();
  const random = randomFrom(seed + 1_000_000);
  const world = await ClusterOfNodes.started({
    seed,
    nodes: seed % 4 === 0 ? 5 : 3,
    config: {
      logRetainBytes: 60_000,
      segmentBytes: 20_000,
      writeBehindMs: 20,
      cacheBytesMax: 20_000,
      writeBehindBytesMax: 100_000,
      lanesResidentMax: 2,
    },
    latencyMs: () => (random() < 0.02 ? 30 : 1) + random(),
    storeMs: (_id, operation) =>
      operation === "flush" ? 30 * random() : random() < 0.3 ? 10 * random() : 0,
    diskMs: (id, { kind }) => (kind === "sync" ? (slow.has(id) ? 60 : 1) : 0),
  });
  await world.ask(createQueue);
  const callers: Caller[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { reply } = await world.ask({ kind: "open-session", name: `${i}`, ttlMs: 3_600_000 });
    if (reply.kind === "session-opened") callers.push(new Caller(world, reply.session));
  }
  const enqueue = (): Command => ({
    kind: "enqueue",
    queue: "q",
    message: {
      key: `k${Math.floor(world.random() * 6)}`,
      content: new Uint8Array(Math.floor(world.random() * 2_000)),
    },
  });
  const acknowledged = (): number => callers.reduce((sum, { answers }) => sum + answers.length, 0);
  for (let round = 0; round < 120; round += 1) {
    if (world.random() < 0.3) await trouble(world, slow);
    for (const caller of callers) caller.step(enqueue);
    const leader = world.leader;
    if (leader !== undefined && world.random() < 0.3) {
      // P2: a read sees whatever was acknowledged when it began.
      const before = acknowledged();
      const { running } = leader;
      running.linearizable().then(
        () => {
          const seen = running.machine.queueInfo("q")?.enqueued ?? 0;
          if (seen < before)
            world.member(leader.id).failures.push(new Error(`P2: saw ${seen} of ${before}`));
        },
        () => undefined,
      );
    }
    await world.run(5 + world.random() * 30);
  }
  // Liveness: with everybody back everything is answered, and all states are equal.
  world.heal();
  slow.clear();
  for (const { id, node } of world.members.values()) if (node === undefined) await world.start(id);
  for (let i = 0; i < 2_000 && callers.some(({ idle }) => !idle); i += 1) {
    for (const caller of callers) if (!caller.idle) caller.step(enqueue);
    await world.run(10);
  }
  for (const caller of callers) {
    expect(caller.idle).toBe(true);
    caller.step(enqueue);
  }
  await world.converged(60_000);
  await world.run(100);
  for (const caller of callers) caller.step(enqueue);
  expect(world.failures).toEqual([]);
  const enqueued = new Set(
    callers.flatMap(({ answers }) =>
      answers.map(({ reply }) => (reply.kind === "enqueued" ? reply.message.seq : -1)),
    ),
  );
  // P6: each call has a message of its own; P8: none is lost.
  expect(enqueued.size).toBe(acknowledged());
  expect(enqueued.has(-1)).toBe(false);
  expect(world.leader?.running.machine.queueInfo("q")?.enqueued).toBeGreaterThanOrEqual(
    acknowledged(),
  );
  expect(
    (world.leader?.running.machine.queueInfo("q")?.enqueued ?? 0) - acknowledged(),
  ).toBeLessThanOrEqual(callers.length);
  console.log(
    "STAT",
    seed,
    acknowledged(),
    world.snapshotChunks,
    world.leader?.running.term,
    world.time.now,
  );
  return world;
}

const seeds = process.env["CHAOS_SEEDS"]?.split("-").map(Number) ?? [1, 6];

describe("whole nodes in trouble", () => {
  for (let seed = seeds[0] ?? 1; seed <= (seeds[1] ?? 1); seed += 1) {
    test(`seed ${seed}`, async () => {
      const world = await run(seed);
      expect(world.messages).toBeGreaterThan(100);
    });
  }
});

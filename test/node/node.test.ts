import { describe, expect, test } from "vitest";
import { NotLeading } from "../../node/waiting.ts";
import { defaultOptions, type Command } from "../../queue/index.ts";
import { ClusterOfNodes, type Asked } from "./cluster-of-nodes.ts";

const createQueue: Command = { kind: "create-queue", name: "q", options: defaultOptions() };

function enqueue(key: string, bytes = 10): Command {
  return { kind: "enqueue", queue: "q", message: { key, content: new Uint8Array(bytes) } };
}

function kinds(asked: Asked): string[] {
  return asked.answers.map((answer) => ("kind" in answer ? answer.kind : answer.reply.kind));
}

describe("a cluster of whole nodes, in virtual time", () => {
  test("elects, commits, and every replica has the same state (R9)", async () => {
    const world = await ClusterOfNodes.started();
    await world.ask(createQueue);
    const answers = await Promise.all([1, 2, 3, 4].map((i) => world.ask(enqueue(`k${i}`))));
    expect(answers.map(({ reply }) => reply.kind)).toEqual(Array(4).fill("enqueued"));
    await world.converged();
    expect(new Set(world.running.map(({ running }) => running.machine.digest)).size).toBe(1);
    expect(world.failures).toEqual([]);
  });

  test("P1, R1: no answer before a majority of disks has the entry", async () => {
    const stall = new Set<number>();
    const world = await ClusterOfNodes.started({
      diskMs: (id, { kind }) => (kind === "sync" ? (stall.has(id) ? 300 : 1) : 0),
    });
    await world.ask(createQueue);
    const leader = await world.elected();
    for (const { id } of world.running) stall.add(id);
    const asked = world.askNode(leader.id, enqueue("a"));
    await world.run(100);
    expect(asked.answers).toEqual([]);
    stall.clear();
    await world.until(() => asked.answers.length > 0);
    expect(world.failures).toEqual([]);
  });

  test("R1, O3 of raft/output.ts: an append that comes again is acknowledged only when the first is on disk", async () => {
    const stall = new Set<number>();
    const world = await ClusterOfNodes.started({
      config: { electionMs: 1_000 },
      diskMs: (id, { kind }) => (kind === "sync" ? (stall.has(id) ? 1_900 : 1) : 0),
    });
    await world.ask(createQueue);
    const leader = await world.elected();
    await world.run(100);
    for (const { id } of world.running) if (id !== leader.id) stall.add(id);
    const asked = world.askNode(leader.id, enqueue("a"));
    // Long enough for the leader to take the append for lost, and to send it again.
    await world.run(1_700);
    expect(
      leader.running
        .raftStatus()
        .progress.every(({ match }) => match < leader.running.raftStatus().last.index),
    ).toBe(true);
    expect(asked.answers).toEqual([]);
    stall.clear();
    await world.until(() => asked.answers.length > 0);
    expect(world.failures).toEqual([]);
  });

  test("I7, R11: a follower whose store is slow takes no more than it may hold unapplied; it catches up later", async () => {
    const applyBacklogBytesMax = 20_000;
    let slow = 0;
    const world = await ClusterOfNodes.started({
      config: { writeBehindBytesMax: 5_000, applyBacklogBytesMax },
      storeMs: (id) => (id === slow ? 60_000 : 0),
    });
    await world.ask(createQueue);
    const leader = await world.elected();
    const follower = world.running.find(({ id }) => id !== leader.id)!;
    await world.run(200);
    slow = follower.id;
    let held = 0;
    for (let i = 0; i < 200; i += 1) {
      await world.ask(enqueue("a", 1_000));
      held = Math.max(held, follower.running.applyBacklogBytes);
    }
    await world.run(1_000);
    held = Math.max(held, follower.running.applyBacklogBytes);
    expect(held).toBeGreaterThan(applyBacklogBytesMax / 2);
    // What was accepted before it was full may still come to be committed.
    expect(held).toBeLessThan(2 * applyBacklogBytesMax);
    expect(leader.running.machine.queueInfo("q")?.enqueued).toBe(200);
    slow = 0;
    await world.converged(200_000);
    expect(world.failures).toEqual([]);
  });

  test("F8, R12: a leader whose disk hangs is replaced, and follows when it wakes", async () => {
    let hung = 0;
    const world = await ClusterOfNodes.started({
      seed: 5,
      diskMs: (id, { kind }) => (kind === "sync" ? (id === hung ? 5_000 : 1) : 0),
    });
    await world.ask(createQueue);
    const first = await world.elected();
    hung = first.id;
    // It has something to write: that is what hangs.
    world.askNode(first.id, enqueue("a"));
    const others = world.running.filter(({ id }) => id !== first.id);
    await world.until(() => others.some(({ running }) => running.ready), 3_000, "a new leader");
    const second = others.find(({ running }) => running.ready)!;
    const asked = world.askNode(second.id, enqueue("b"));
    await world.until(() => asked.answers.length > 0, 1_000);
    expect(kinds(asked)).toEqual(["enqueued"]);
    expect(first.running.ready).toBe(false);
    hung = 0;
    await world.converged(60_000);
    expect(world.failures).toEqual([]);
  });

  test("fails over without losing what was acknowledged, also when every node loses power", async () => {
    const world = await ClusterOfNodes.started({ seed: 3 });
    await world.ask(createQueue);
    for (let i = 0; i < 10; i += 1) await world.ask(enqueue("a"));
    const first = await world.elected();
    world.kill(first.id);
    const second = await world.elected();
    expect(second.id).not.toBe(first.id);
    expect(second.running.machine.queueInfo("q")?.enqueued).toBe(10);
    for (const id of world.members.keys())
      if (world.member(id).node !== undefined) world.powerLoss(id);
    for (const id of world.members.keys()) await world.start(id);
    await world.ask(enqueue("a"));
    await world.converged();
    expect(world.leader?.running.machine.queueInfo("q")?.enqueued).toBe(11);
    expect(world.failures).toEqual([]);
  });

  test("H4, R10: a leader cut off answers UNKNOWN for what it appended, NOT_LEADER for what comes later", async () => {
    const world = await ClusterOfNodes.started({ seed: 5 });
    await world.ask(createQueue);
    const old = await world.elected();
    world.isolate(old.id);
    const appended = world.askNode(old.id, enqueue("a"));
    await world.until(() => !old.running.ready, 5_000, "stepping down");
    const late = world.askNode(old.id, enqueue("a"));
    await world.run(50);
    expect(kinds(appended)).toEqual(["unknown"]);
    expect(kinds(late)).toEqual(["not-leader"]);
    const next = await world.elected();
    expect(next.id).not.toBe(old.id);
    await world.ask(enqueue("b"));
    world.heal();
    await world.converged();
    expect(kinds(appended)).toEqual(["unknown"]);
    expect(world.failures).toEqual([]);
  });

  test("whereabouts: followers know who leads and where", async () => {
    const world = await ClusterOfNodes.started();
    const leader = await world.elected();
    await world.run(100);
    for (const { running } of world.running) {
      expect(running.whereabouts.leader).toEqual({
        nodeId: leader.id,
        endpoint: `client-${leader.id}:7400`,
        term: leader.running.term,
      });
    }
  });
});

describe("D1, D2, D7: linearizable reads", () => {
  test("a read sees everything acknowledged before it, right after a change of leader too", async () => {
    const world = await ClusterOfNodes.started({ seed: 8 });
    await world.ask(createQueue);
    for (let round = 1; round <= 3; round += 1) {
      await world.ask(enqueue("a"));
      world.kill((await world.elected()).id);
      await world.until(() =>
        world.running.some(({ running }) => running.raftStatus().role === "leader"),
      );
      const leader = world.running.find(({ running }) => running.raftStatus().role === "leader")!;
      await world.finished(leader.running.linearizable());
      expect(leader.running.machine.queueInfo("q")?.enqueued).toBe(round);
      for (const id of world.members.keys())
        if (world.member(id).node === undefined) await world.start(id);
      await world.converged();
    }
    expect(world.failures).toEqual([]);
  });

  test("D3: a leader cut off serves none, and tells so", async () => {
    const world = await ClusterOfNodes.started({ seed: 9 });
    const leader = await world.elected();
    world.isolate(leader.id);
    const read = leader.running.linearizable();
    await expect(world.finished(read)).rejects.toBeInstanceOf(NotLeading);
    await expect(leader.running.linearizable()).rejects.toBeInstanceOf(NotLeading);
  });

  test("D3, R10: a read that was confirmed, but whose index is not applied, is answered when leadership is lost", async () => {
    const world = await ClusterOfNodes.started({ seed: 10 });
    await world.ask(createQueue);
    const leader = await world.elected();
    // Applying stands still: rows cannot be written, and the bound of what waits for the store is reached.
    let release: () => void = () => undefined;
    const hold = new Promise<void>((resolve) => (release = resolve));
    leader.stores.gate = (operation) => (operation === "write" ? hold : undefined);
    const asked: Asked[] = [];
    for (let i = 0; i < 12; i += 1) {
      asked.push(world.askNode(leader.id, enqueue("a", 400_000)));
      await world.run(10);
    }
    expect(leader.running.raftStatus().commit).toBeGreaterThan(leader.running.machine.appliedIndex);
    const read = leader.running.linearizable();
    let outcome = "";
    read.then(
      () => (outcome = "served"),
      () => (outcome = "refused"),
    );
    await world.run(50);
    expect(outcome).toBe("");
    world.isolate(leader.id);
    await world.until(() => leader.running.raftStatus().role !== "leader");
    await world.run(10);
    expect(outcome).toBe("refused");
    for (const one of asked) expect(one.answers).toHaveLength(1);
    release();
    world.heal();
    await world.converged();
    expect(world.failures).toEqual([]);
  });
});

describe("E1-E8: a follower that is behind the log gets a snapshot", () => {
  const small = {
    logRetainBytes: 100_000,
    segmentBytes: 30_000,
    writeBehindMs: 10,
    cacheBytesMax: 20_000,
  };

  async function behind(seed: number, bytes = 5_000) {
    const world = await ClusterOfNodes.started({ seed, config: small });
    await world.ask(createQueue);
    const leader = await world.elected();
    const lagging = world.running.find(({ id }) => id !== leader.id)!;
    world.kill(lagging.id);
    for (let i = 0; i < 60; i += 1) await world.ask(enqueue(`k${i % 7}`, bytes));
    // Whoever leads next has dropped those entries too.
    await world.until(
      () => world.running.every(({ running }) => running.raftStatus().compacted.index > 10),
      10_000,
      "compaction",
    );
    return { world, leader, lagging };
  }

  test("installs it, goes on with the log, survives the loss of power", async () => {
    const { world, leader, lagging } = await behind(21);
    await world.start(lagging.id);
    await world.converged();
    expect(world.snapshotChunks).toBeGreaterThan(0);
    expect(lagging.running.machine.digest).toBe(leader.running.machine.digest);
    await world.ask(enqueue("after"));
    world.powerLoss(lagging.id);
    await world.start(lagging.id);
    await world.converged();
    expect(world.failures).toEqual([]);
    expect(lagging.stores.paths).toEqual(["data/state/2"]);
  });

  test("E8: the log is compacted again after a transfer is over", async () => {
    const { world, leader, lagging } = await behind(22);
    await world.start(lagging.id);
    await world.converged();
    const compacted = leader.running.raftStatus().compacted.index;
    for (let i = 0; i < 60; i += 1) await world.ask(enqueue(`k${i % 7}`, 5_000));
    await world.run(70_000);
    for (let i = 0; i < 60; i += 1) await world.ask(enqueue(`k${i % 7}`, 5_000));
    await world.converged();
    expect(leader.running.raftStatus().compacted.index).toBeGreaterThan(compacted + 30);
    expect(world.failures).toEqual([]);
  });

  test("E5: power loss at many moments of the transfer and the installation", async () => {
    const { world, lagging } = await behind(23);
    for (let i = 0; i < 12; i += 1) {
      await world.start(lagging.id);
      await world.run(3 + i * 2 + Math.floor(world.random() * 10));
      world.powerLoss(lagging.id);
    }
    await world.start(lagging.id);
    await world.converged();
    expect(world.failures).toEqual([]);
  });

  test("E2: the leader changes while the first chunk is being written: one transfer at a time", async () => {
    const { world, leader, lagging } = await behind(24, 30_000);
    await world.start(lagging.id);
    // Opening the fresh store takes longer than finding another leader.
    lagging.stores.gate = (operation) =>
      operation === "open" ? world.time.sleep(1_500) : undefined;
    await world.until(() => world.snapshotChunks > 0);
    await world.run(20);
    world.kill(leader.id);
    const chunks = world.snapshotChunks;
    await world.until(() => world.snapshotChunks > chunks, 5_000, "a chunk of the next leader");
    await world.run(2_000);
    lagging.stores.gate = () => undefined;
    await world.start(leader.id);
    await world.converged(60_000);
    expect(world.failures).toEqual([]);
  });

  test("E2: a checkpoint under way does not break the installation", async () => {
    const world = await ClusterOfNodes.started({ seed: 25, config: small });
    await world.ask(createQueue);
    const leader = await world.elected();
    const lagging = world.running.find(({ id }) => id !== leader.id)!;
    let flushing = 0;
    lagging.stores.gate = (operation, path) => {
      if (operation !== "flush" || !path.endsWith("/1")) return undefined;
      flushing += 1;
      return world.time.sleep(20_000);
    };
    for (let i = 0; i < 200 && flushing === 0; i += 1) await world.ask(enqueue(`k${i % 7}`, 5_000));
    expect(flushing).toBe(1);
    world.partition(
      [lagging.id],
      world.running.map(({ id }) => id).filter((id) => id !== lagging.id),
    );
    const last = lagging.running.raftStatus().last.index;
    for (let i = 0; i < 60; i += 1) await world.ask(enqueue(`k${i % 7}`, 5_000));
    await world.until(
      () => leader.running.raftStatus().compacted.index > last,
      10_000,
      "compaction",
    );
    world.heal();
    await world.converged(60_000);
    await world.run(25_000);
    expect(world.snapshotChunks).toBeGreaterThan(0);
    expect(world.failures).toEqual([]);
  });

  test("X2: a leader that steps down while it reads a snapshot goes on", async () => {
    const { world, leader, lagging } = await behind(26);
    leader.stores.gate = (operation) => (operation === "range" ? world.time.sleep(100) : undefined);
    await world.start(lagging.id);
    await world.run(250);
    world.isolate(leader.id);
    await world.until(() => leader.running.raftStatus().role !== "leader");
    await world.run(300);
    world.heal();
    await world.converged(60_000);
    expect(world.failures).toEqual([]);
  });
});

describe("stop (SIGTERM)", () => {
  test("answers what is under way, then closes everything; a restart goes on", async () => {
    const world = await ClusterOfNodes.started({ seed: 31 });
    await world.ask(createQueue);
    const leader = await world.elected();
    const asked = world.askNode(leader.id, enqueue("a"));
    const stopping = leader.running.stop();
    const late = world.askNode(leader.id, enqueue("a"));
    await world.finished(stopping);
    expect(kinds(asked)).toEqual(["enqueued"]);
    expect(kinds(late)).toEqual(["shutting-down"]);
    world.bury(leader.id);
    await world.start(leader.id);
    await world.converged();
    expect(world.failures).toEqual([]);
  });

  test("R10: without a quorum nothing is left without an answer", async () => {
    const world = await ClusterOfNodes.started({
      seed: 32,
      config: { drainMs: 50, electionMs: 5_000 },
    });
    await world.ask(createQueue);
    const leader = await world.elected();
    world.isolate(leader.id);
    const asked = world.askNode(leader.id, enqueue("a"));
    const read = leader.running.linearizable();
    read.catch(() => undefined);
    await world.run(5);
    await world.finished(leader.running.stop());
    expect(kinds(asked)).not.toEqual([]);
    // It was appended: NOT_APPLIED would be a lie (H3).
    expect(kinds(asked)).not.toContain("shutting-down");
    await expect(world.finished(read, 100)).rejects.toBeInstanceOf(NotLeading);
  });

  test("H3: a receive that waits is cut off with an unknown outcome: it is in the log", async () => {
    const world = await ClusterOfNodes.started({ seed: 33 });
    await world.ask(createQueue);
    const opened = await world.ask({ kind: "open-session", name: "s", ttlMs: 60_000 });
    const session = opened.reply.kind === "session-opened" ? opened.reply.session : 0;
    const leader = await world.elected();
    const origin = { session, sequence: 1, floor: 1 };
    const receive = {
      kind: "receive",
      queue: "q",
      maxMessages: 1,
      maxWaitMs: 60_000,
      leaseMs: 0,
    } as const;
    const asked = world.askNode(leader.id, receive, origin);
    await world.run(100);
    await world.finished(leader.running.stop());
    expect(kinds(asked)).not.toEqual([]);
    expect(kinds(asked)).not.toContain("shutting-down");
  });
});

describe("R1, F2: a disk that fails ends the node", () => {
  test("nothing is answered after it, and the others go on", async () => {
    const broken = new Set<number>();
    const world = await ClusterOfNodes.started({
      seed: 41,
      diskMs: (id, operation) => {
        if (broken.has(id) && operation.kind === "sync") throw new Error("EIO");
        return operation.kind === "sync" ? 1 : 0;
      },
    });
    await world.ask(createQueue);
    const leader = await world.elected();
    broken.add(leader.id);
    const asked = world.askNode(leader.id, enqueue("a"));
    await world.run(50);
    expect(leader.failures.length).toBeGreaterThan(0);
    expect(asked.answers).toEqual([]);
    await world.elected();
    await world.ask(enqueue("b"));
  });
});

describe("sessions and leases across a change of leader", () => {
  test("P6, H1: a command sent again is applied once and gets its first answer", async () => {
    const world = await ClusterOfNodes.started({ seed: 51 });
    await world.ask(createQueue);
    const opened = await world.ask({ kind: "open-session", name: "s", ttlMs: 60_000 });
    const session = opened.reply.kind === "session-opened" ? opened.reply.session : 0;
    const origin = { session, sequence: 1, floor: 1 };
    const first = await world.ask(enqueue("a"), origin);
    world.kill((await world.elected()).id);
    const again = await world.ask(enqueue("a"), origin);
    expect(again).toEqual(first);
    expect(world.leader?.running.machine.queueInfo("q")?.enqueued).toBe(1);
  });

  test("P9: leases end although no client says anything: the leader lets time pass in the log", async () => {
    const world = await ClusterOfNodes.started({ seed: 52 });
    await world.ask(createQueue);
    const opened = await world.ask({ kind: "open-session", name: "s", ttlMs: 60_000 });
    const session = opened.reply.kind === "session-opened" ? opened.reply.session : 0;
    await world.ask(enqueue("a"));
    const receive = {
      kind: "receive",
      queue: "q",
      maxMessages: 1,
      maxWaitMs: 0,
      leaseMs: 3_000,
    } as const;
    await world.ask(receive, { session, sequence: 1, floor: 1 });
    const leased = () => world.leader?.running.machine.queueInfo("q")?.leased;
    await world.run(2_500);
    expect(leased()).toBe(1);
    await world.run(1_500);
    expect(leased()).toBe(0);
  });

  test("R11: a receive that its client has given up leaves nothing behind, and is answered (R10)", async () => {
    const world = await ClusterOfNodes.started({ seed: 53 });
    await world.ask(createQueue);
    const opened = await world.ask({ kind: "open-session", name: "s", ttlMs: 60_000 });
    const session = opened.reply.kind === "session-opened" ? opened.reply.session : 0;
    const leader = await world.elected();
    const receive = {
      kind: "receive",
      queue: "q",
      maxMessages: 1,
      maxWaitMs: 60_000,
      leaseMs: 0,
    } as const;
    const given = world.askNode(leader.id, receive, { session, sequence: 1, floor: 1 });
    await world.run(100);
    expect(given.answers).toEqual([]);
    // The floor says that nobody waits for 1 any more.
    await world.ask(enqueue("a"), { session, sequence: 2, floor: 2 });
    expect(given.answers).toHaveLength(1);
  });
});

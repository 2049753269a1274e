// What members tell each other, on whole nodes in virtual time and by itself.

import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { StateDiffers } from "../../node/digest-check.ts";
import { PeerReports, type Condition, type PeerReport } from "../../node/peer-report.ts";
import { defaultOptions, rulesVersionMax as newest, type Command } from "../../queue/index.ts";
import { ClusterOfNodes } from "./cluster-of-nodes.ts";
import { VirtualTime } from "./fakes.ts";

const createQueue: Command = { kind: "create-queue", name: "q", options: defaultOptions("none") };
const enqueue = (bytes = 10): Command => ({
  kind: "enqueue",
  queue: "q",
  message: { key: "k", content: Buffer.alloc(bytes, 7) },
});

/** The state machine of a node decides from now on as no other does. */
function drift(world: ClusterOfNodes, id: number): void {
  world.drifted.add(id);
  const queue = world.node(id).machine.state.queues.get("q");
  if (queue === undefined) throw new Error("no queue to change");
  queue.enqueued += 1;
}

async function withQueue(nodes: number, seed = 1): Promise<ClusterOfNodes> {
  const world = await ClusterOfNodes.started({ nodes, seed });
  await world.ask(createQueue);
  await world.converged();
  return world;
}

const stopped = (world: ClusterOfNodes): number[] =>
  [...world.members.values()].filter(({ node }) => node === undefined).map(({ id }) => id);

describe("R9, F11: a state that drifted", () => {
  test.each([["a follower", false] as const, ["the leader", true] as const])(
    "of %s: exactly that node stops, the others serve on",
    async (_who, isLeader) => {
      const world = await withQueue(3);
      const { id: leader } = await world.elected();
      const wrong = isLeader ? leader : (leader % 3) + 1;
      drift(world, wrong);
      await world.ask(enqueue());
      await world.until(() => stopped(world).length > 0, 5_000, "the end of the one that drifted");
      expect(stopped(world)).toEqual([wrong]);
      expect(world.failures).toEqual([expect.any(StateDiffers)]);
      expect(String(world.failures[0])).toContain(`the state of node ${wrong} at entry`);
      await world.ask(enqueue());
      await world.run(5_000);
      expect(world.failures).toHaveLength(1);
    },
  );

  test("is found again after a restart: it is in the store", async () => {
    const world = await withQueue(3);
    const { id: leader } = await world.elected();
    const wrong = (leader % 3) + 1;
    drift(world, wrong);
    await world.ask(enqueue());
    // What is applied is flushed, before the next report tells.
    await world.run(100);
    await world.finished(world.node(wrong).state.store.flush());
    await world.until(() => stopped(world).length > 0);
    world.bury(wrong);
    // The log brings back what the store has not got, by the right rules: so nothing but the store can be at fault.
    await world.start(wrong);
    await world.until(() => stopped(world).length > 0, 5_000, "the second end");
    expect(stopped(world)).toEqual([wrong]);
    expect(world.failures).toHaveLength(2);
  });

  test("D3: of two voters nobody can tell who is wrong; both go on", async () => {
    const world = await withQueue(2);
    drift(world, 1);
    await world.ask(enqueue());
    await world.run(5_000);
    await world.ask(enqueue());
    expect(world.failures).toEqual([]);
  });

  test("is never seen where there is none: under load, with crashes, loss of power, and snapshots", async () => {
    const world = await ClusterOfNodes.started({
      nodes: 3,
      seed: 5,
      config: { logRetainBytes: 64 * 1024, segmentBytes: 16 * 1024 },
    });
    await world.ask(createQueue);
    for (let round = 0; round < 6; round += 1) {
      const { id: leader } = await world.elected();
      const victim = (leader % 3) + 1;
      if (round % 3 === 0) world.powerLoss(victim);
      else if (round % 3 === 1) world.kill(victim);
      else world.powerLoss(leader);
      for (let i = 0; i < 40; i += 1) await world.ask(enqueue(4_000));
      await world.start(round % 3 === 2 ? leader : victim);
      await world.run(2_500);
    }
    await world.converged();
    await world.run(3_000);
    expect(world.snapshotChunks).toBeGreaterThan(0);
    expect(world.failures).toEqual([]);
    // Not for want of comparing: everybody has heard of the place where everybody stands.
    for (const { running } of world.running) {
      const here = { index: running.machine.appliedIndex, digest: running.digest };
      for (const id of world.members.keys())
        expect(running.conditionOf(id)?.digests).toContainEqual(here);
    }
  });
});

describe("G5: the rules are raised when every member knows them", () => {
  const versions = (world: ClusterOfNodes): number[] =>
    world.running.map(({ running }) => running.machine.version);

  test("within two seconds of the first leader, once", async () => {
    const world = await ClusterOfNodes.started();
    await world.elected();
    expect(versions(world)).toEqual([0, 0, 0]);
    await world.until(
      () => versions(world).every((version) => version === newest),
      2_000,
      "the raise",
    );
    // The members' own entry is in the log too.
    await world.run(3_000);
    const { index } = await world.ask(createQueue);
    await world.run(5_000);
    expect(world.leader?.running.machine.appliedIndex).toBe(index);
  });

  test("not while a member is silent; it may be of an older release", async () => {
    const world = new ClusterOfNodes();
    await world.start(1);
    await world.start(2);
    await world.elected();
    await world.run(8_000);
    expect(versions(world)).toEqual([0, 0]);
    await world.start(3);
    await world.until(
      () => versions(world).join() === `${newest},${newest},${newest}`,
      3_000,
      "the raise",
    );
  });

  test("of a cluster of one at once; a restart keeps them", async () => {
    const world = await ClusterOfNodes.started({ nodes: 1 });
    await world.until(() => versions(world).join() === `${newest}`, 2_000, "the raise");
    await world.run(500);
    await world.stop(1);
    await world.start(1);
    expect(versions(world)).toEqual([newest]);
  });

  test("a node that was down for the raise gets them by a snapshot", async () => {
    const world = await ClusterOfNodes.started({
      config: { logRetainBytes: 64 * 1024, segmentBytes: 16 * 1024 },
    });
    const { id: leader } = await world.elected();
    const late = (leader % 3) + 1;
    // It is heard, and gone before the raise reaches it.
    await world.until(() => world.node(leader).conditionOf(late) !== undefined);
    world.kill(late);
    await world.until(() => versions(world).join() === `${newest},${newest}`, 3_000, "the raise");
    await world.ask(createQueue);
    for (let i = 0; i < 80; i += 1) await world.ask(enqueue(4_000));
    await world.start(late);
    await world.converged();
    expect(world.snapshotChunks).toBeGreaterThan(0);
    expect(versions(world)).toEqual([newest, newest, newest]);
  });
});

describe("reports by themselves", () => {
  const healthy: Condition = {
    rulesVersion: 0,
    rulesVersionMax: 1,
    digests: [],
    diskFreeBytes: 5,
    diskLow: false,
  };

  function world(voters = [1, 2, 3], learners: number[] = []) {
    const time = new VirtualTime();
    const sent: PeerReport[] = [];
    const failures: unknown[] = [];
    const lines: string[] = [];
    const logger = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const state = { own: healthy, membership: { voters, learners, context: "" } };
    const reports = new PeerReports({
      id: 1,
      clock: time.clock(),
      logger,
      membership: () => state.membership,
      condition: () => state.own,
      send: (all) => sent.push(...all),
      failed: (error) => failures.push(error),
    });
    const hear = (from: number, more: Partial<Condition> = {}): void =>
      reports.received({ kind: "report", from, to: 1, ...healthy, ...more });
    return { time, sent, failures, lines, state, reports, hear };
  }

  test("E5: go at once to a member that is heard of for the first time, or again after a silence", async () => {
    const { time, sent, reports } = world([1, 2, 3]);
    reports.met(2);
    reports.met(2);
    reports.met(9);
    expect(sent.map(({ to }) => to)).toEqual([2]);
    await time.advance(5_001);
    sent.length = 0;
    reports.met(2);
    reports.met(3);
    expect(sent.map(({ to }) => to)).toEqual([2, 3]);
    reports.stop();
  });

  test("E5: a new cluster is at the newest rules soon after its first leader", async () => {
    const cluster = await ClusterOfNodes.started({ nodes: 3, seed: 1 });
    const { id } = await cluster.elected();
    const { machine } = cluster.node(id);
    await cluster.until(() => machine.version === machine.versionMax, 300, "the newest rules");
  });

  test("go to every other member, once a second, until the node stops", async () => {
    const { time, sent, reports, state } = world([1, 2], [7]);
    await time.advance(2_500);
    expect(sent.map(({ to }) => to)).toEqual([2, 7, 2, 7]);
    state.membership = { voters: [1], learners: [], context: "" };
    await time.advance(1_000);
    expect(sent).toHaveLength(4);
    reports.stop();
    state.membership = { voters: [1, 2], learners: [], context: "" };
    await time.advance(5_000);
    expect(sent).toHaveLength(4);
  });

  test("E2: the rules of all are those of the member that knows least, a learner too; 0 while one is silent", async () => {
    const { time, reports, hear } = world([1, 2], [7]);
    hear(2);
    expect(reports.rulesVersionOfAll).toBe(0);
    hear(7);
    expect(reports.rulesVersionOfAll).toBe(1);
    hear(7, { rulesVersionMax: 0 });
    expect(reports.rulesVersionOfAll).toBe(0);
    hear(7, { rulesVersionMax: 5 });
    expect(reports.rulesVersionOfAll).toBe(1);
    await time.advance(4_000);
    hear(2);
    await time.advance(1_500);
    expect(reports.rulesVersionOfAll).toBe(0);
  });

  test("F9: no room when too few voters for a quorum have any; learners and the silent do not count", async () => {
    const { time, reports, hear, state } = world([1, 2, 3], [7]);
    hear(7, { diskLow: true });
    hear(2, { diskLow: true });
    expect(reports.quorumLow).toBe(false);
    hear(3, { diskLow: true });
    expect(reports.quorumLow).toBe(true);
    hear(3);
    expect(reports.quorumLow).toBe(false);
    state.own = { ...healthy, diskLow: true };
    hear(3);
    expect(reports.quorumLow).toBe(true);
    state.own = healthy;
    hear(3, { diskLow: true });
    expect(reports.quorumLow).toBe(true);
    await time.advance(7_000);
    expect(reports.quorumLow).toBe(false);
  });

  test("D3: a difference without a quorum is told once for each entry; strangers are not heard", () => {
    const { hear, lines, failures, state } = world([1, 2]);
    state.own = { ...healthy, digests: [{ index: 1024, digest: "a" }] };
    hear(9, { digests: [{ index: 1024, digest: "b" }] });
    expect(lines).toEqual([]);
    hear(2, { digests: [{ index: 1024, digest: "b" }] });
    hear(2, { digests: [{ index: 1024, digest: "b" }] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("node 1 at entry 1024 has the digest a, at node 2 b");
    state.own = { ...healthy, digests: [{ index: 2048, digest: "a" }] };
    hear(2, { digests: [{ index: 2048, digest: "b" }] });
    expect(lines).toHaveLength(2);
    expect(failures).toEqual([]);
  });
});

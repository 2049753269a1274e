// `raftq recover`: one survivor of a lost majority becomes a cluster of its own (RC1-RC3 of node/recover.ts).

import { describe, expect, test } from "vitest";
import { IdentityError } from "../../node/identity.ts";
import type { Node } from "../../node/node.ts";
import { openLog } from "../../node/open-log.ts";
import { openNode } from "../../node/open-node.ts";
import { recover, RecoverError, type Survivor } from "../../node/recover.ts";
import { encodeRoster, rosterOf } from "../../node/roster.ts";
import { StateDirectory } from "../../node/state-directory.ts";
import { defaultOptions, type Answer, type Command } from "../../queue/index.ts";
import { EntryWriter } from "../queue/entry-writer.ts";
import { encodeMembership } from "../../raft/index.ts";
import { configOf, membersOf, randomFrom, silent, VirtualTime } from "./fakes.ts";
import { SimStores } from "../../testing/disk/sim-stores.ts";
import { SimDisk, type SimDiskOptions } from "../../testing/disk/sim-disk.ts";

const nobody = { session: 0, sequence: 0, floor: 0 };
const yes = (): Promise<boolean> => Promise.resolve(true);

interface Machine {
  readonly disk: SimDisk;
  readonly stores: SimStores;
}

/** Runs a node on it until `work` is done. */
async function withNode(
  { disk, stores }: Machine,
  clusterId: string,
  work: (node: Node, time: VirtualTime) => Promise<void>,
): Promise<void> {
  const time = new VirtualTime();
  const config = configOf(1, clusterId === "test" ? 1 : 3, { clusterId, drainMs: 0 });
  const opening = openNode(config, {
    disk,
    stores,
    clock: time.clock(),
    random: randomFrom(1),
    logger: silent,
    fatal: (error) => {
      throw error;
    },
    connect: () => ({ send: () => undefined, close: () => Promise.resolve() }),
  });
  const node = await opening;
  await work(node, time);
  const stopping = node.stop();
  await time.advance(1_000);
  await stopping;
}

async function ask(node: Node, time: VirtualTime, command: Command): Promise<Answer> {
  const answers: Answer[] = [];
  node.submit(nobody, command, (answer) => {
    if (!("kind" in answer)) answers.push(answer);
  });
  for (let ms = 0; ms < 5_000 && answers.length === 0; ms += 10) await time.advance(10);
  return answers[0]!;
}

function enqueue(): Command {
  return {
    kind: "enqueue",
    queue: "q",
    message: { key: "a", content: new Uint8Array(3) },
  };
}

/**
 * Node 1 of {1, 2, 3}, whose others are gone: one message is applied, two more lie in the log, and nobody here knows whether
 * they were committed.
 */
async function survivor(options: Partial<SimDiskOptions> = {}): Promise<Machine> {
  const machine = {
    disk: new SimDisk({ random: randomFrom(1), ...options }),
    stores: new SimStores(),
  };
  await withNode(machine, "test", async (node, time) => {
    await time.advance(500);
    await ask(node, time, { kind: "create-queue", name: "q", options: defaultOptions() });
    await ask(node, time, enqueue());
  });
  const { log, restored } = await openLog(
    machine.disk,
    "data/log",
    { members: [], join: true, segmentBytes: 65_536 },
    silent,
    undefined,
  );
  const { term } = restored.hardState;
  const grown = [2, 3].map((size) => {
    const members = membersOf(size);
    const voters = members.map(({ id }) => id);
    return encodeMembership({ voters, learners: [], context: encodeRoster(rosterOf(members)) });
  });
  const writer = new EntryWriter();
  const payloads = [1, 2].map(() => {
    writer.add(nobody, enqueue());
    return writer.finish(1_700_000_100_000);
  });
  const first = restored.lastIndex + 1;
  await log.append({
    sequence: 1,
    hardState: undefined,
    truncateAfter: undefined,
    entries: [
      ...grown.map((payload, i) => ({
        index: first + i,
        term,
        kind: "membership" as const,
        payload,
      })),
      ...payloads.map((payload, i) => ({
        index: first + grown.length + i,
        term,
        kind: "command" as const,
        payload,
      })),
    ],
  });
  await log.close();
  return machine;
}

async function expectRecovered(machine: Machine, clusterId: string): Promise<void> {
  await withNode(machine, clusterId, async (node, time) => {
    await time.advance(1_000);
    expect(node.ready).toBe(true);
    // RC3.
    expect(node.machine.queueInfo("q")?.enqueued).toBe(3);
    expect(node.members.membership.voters).toEqual([1]);
    expect(node.members.roster.removed).toEqual([[2, 3]]);
    const answer = await ask(node, time, enqueue());
    expect(answer.reply).toMatchObject({ kind: "enqueued" });
  });
}

describe("unsafe recovery", () => {
  test("makes the survivor a cluster of its own, with all that it has, under a new name", async () => {
    const machine = await survivor();
    const found: Survivor[] = [];
    const { done } = await recover({ ...machine, logger: silent }, "data", {
      confirm: (seen) => {
        found.push(seen);
        return yes();
      },
    });
    expect(done).toBe(true);
    expect(found[0]).toMatchObject({
      clusterId: "test",
      nodeId: 1,
      voters: [1, 2, 3],
      freshId: 4,
      newClusterId: "test-recovered",
      resumed: false,
    });
    expect(found[0]!.lastIndex).toBeGreaterThan(found[0]!.applied);
    await expectRecovered(machine, "test-recovered");
    await withNode(machine, "test-recovered", async (node, time) => {
      await time.advance(1_000);
      // A term of its own for what was appended, then one for each of the two starts.
      expect(node.term).toBe(found[0]!.term + 3);
    });
    await expect(withNode(machine, "test", () => Promise.resolve())).rejects.toThrow(
      /belongs to the cluster "test-recovered"/,
    );
  });

  test("RC1: nothing is changed without a yes", async () => {
    const machine = await survivor();
    const before = ["data/identity", "data/log/base", "data/log/hard-state"].map((path) =>
      machine.disk.content(path).toString("latin1"),
    );
    const { done } = await recover({ ...machine, logger: silent }, "data", {
      confirm: () => Promise.resolve(false),
    });
    expect(done).toBe(false);
    const [identity, base] = ["data/identity", "data/log/base"].map((path) =>
      machine.disk.content(path).toString("latin1"),
    );
    expect([identity, base]).toEqual(before.slice(0, 2));
    await withNode(machine, "test", async (node, time) => {
      await time.advance(2_000);
      expect(node.ready).toBe(false);
      expect(node.members.membership.voters).toEqual([1, 2, 3]);
    });
  });

  test("RC1: not while the node runs", async () => {
    const machine = await survivor();
    await StateDirectory.open(machine.disk, "data/state", machine.stores, { lanesResidentMax: 1 });
    const recovering = recover({ ...machine, logger: silent }, "data", { confirm: yes });
    await expect(recovering).rejects.toThrow(/stop the node first/);
  });

  test("is refused where there is nothing to recover, or no new name", async () => {
    const machine = await survivor();
    const { disk, stores } = machine;
    const ports = { disk, stores, logger: silent };
    await expect(recover(ports, "elsewhere", { confirm: yes })).rejects.toThrow(RecoverError);
    for (const newClusterId of ["test", "a b", ""]) {
      const recovering = recover(ports, "data", { newClusterId, confirm: yes });
      await expect(recovering).rejects.toThrow(/new cluster id/);
    }
    await recover(ports, "data", { confirm: yes });
    await expect(recover(ports, "data", { confirm: yes })).rejects.toThrow(/only voter/);
  });

  test("RC2: a crash after any step leaves the old node, or one that does not start until it is recovered again", async () => {
    const seen = { old: 0, unfinished: 0, done: 0 };
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = randomFrom(seed);
      const limit = { at: Infinity };
      let crash: () => void = () => undefined;
      const crashed = new Promise<undefined>((resolve) => (crash = () => resolve(undefined)));
      const machine = await survivor({
        random,
        gate: ({ number }) => {
          if (number < limit.at) return undefined;
          crash();
          return new Promise<void>(() => undefined);
        },
      });
      limit.at = Infinity;
      const recovering = recover({ ...machine, logger: silent }, "data", {
        confirm: () => {
          limit.at = machine.disk.changes + 1 + Math.floor(random() * 24);
          return yes();
        },
      });
      await Promise.race([recovering, crashed]);
      const after: Machine = {
        disk: machine.disk.crash({ random }),
        stores: machine.stores.crash(random),
      };
      // Under its old name it is never alone: what starts has the old membership, or does not start at all.
      const started = withNode(after, "test", (node) => {
        expect(node.members.membership.voters).toEqual([1, 2, 3]);
        seen.old += 1;
        return Promise.resolve();
      });
      const refusal = await started.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refusal !== undefined) {
        expect(refusal).toBeInstanceOf(IdentityError);
        if (/not finished/.test((refusal as Error).message)) seen.unfinished += 1;
        else seen.done += 1;
      }
      const again = { disk: after.disk.kill({ random }), stores: after.stores.kill() };
      const ports = { ...again, logger: silent };
      await recover(ports, "data", { confirm: yes }).catch((error: unknown) => {
        expect(String(error)).toMatch(/only voter/);
      });
      await expectRecovered(again, "test-recovered");
    }
    expect(Object.values(seen).every((count) => count > 0)).toBe(true);
  });
});

// What is watched while a run lasts: the nodes by the observer, the histories by the tally; and which ends of nodes are excused.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster, Death, View } from "../../../jepsen-like/cluster/contract.ts";
import { catalogue } from "../../../jepsen-like/nemesis/catalogue.ts";
import { Observer } from "../../../jepsen-like/run/observer.ts";
import { ownChecks, type Watched } from "../../../jepsen-like/run/own-checks.ts";
import { Tally } from "../../../jepsen-like/run/tally.ts";

type Said = Partial<View> & { readonly nodeId: number };

function observed(said: readonly Said[]): Observer {
  const cluster = {
    nodeIds: said.map(({ nodeId }) => nodeId),
    observe: (id: number) =>
      Promise.resolve<View | undefined>({
        ...{ role: "follower", term: 1, leaderId: 0, lastIndex: 5, commitIndex: 5 },
        ...{ appliedIndex: 5, digest: "a", members: [] },
        ...said.find(({ nodeId }) => nodeId === id)!,
      }),
  } as unknown as Cluster;
  return new Observer(cluster);
}

describe("the observer", () => {
  test("B1: two leaders in one term are a violation, one leader in two terms is none", async () => {
    const fine = observed([
      { nodeId: 1, role: "leader", term: 4 },
      { nodeId: 2, term: 4 },
    ]);
    await fine.look();
    await fine.look();
    expect(fine.violations).toEqual([]);
    expect(fine.leader).toMatchObject({ nodeId: 1, term: 4 });
    const split = observed([
      { nodeId: 1, role: "leader", term: 4 },
      { nodeId: 2, role: "leader", term: 4 },
      { nodeId: 3, role: "leader", term: 5 },
    ]);
    await split.look();
    expect(split.violations).toEqual(["nodes 1 and 2 both led in term 4 (B1)"]);
    expect(split.leaders.map(({ term }) => term)).toEqual([4, 5]);
  });

  test("B2: another digest at the same index is a violation, at another index it is none", async () => {
    const fine = observed([
      { nodeId: 1 },
      { nodeId: 2 },
      { nodeId: 3, appliedIndex: 4, digest: "b" },
    ]);
    await fine.look();
    expect(fine.violations).toEqual([]);
    expect(fine.compared).toBe(1);
    const joining = observed([{ nodeId: 1 }, { nodeId: 4, digest: "" }]);
    await joining.look();
    expect(joining.violations).toEqual([]);
    const torn = observed([{ nodeId: 1 }, { nodeId: 2, digest: "b" }]);
    await torn.look();
    expect(torn.violations).toEqual(["at index 5 node 1 has digest a, node 2 b (B2)"]);
  });

  test("nodes are settled when all of them are at one index, at or behind the barrier", async () => {
    expect(await observed([{ nodeId: 1 }, { nodeId: 2 }]).settled(5, 1_000)).toHaveLength(2);
    expect(await observed([{ nodeId: 1 }, { nodeId: 2 }]).settled(6, 1)).toBeUndefined();
    const apart = observed([{ nodeId: 1 }, { nodeId: 2, appliedIndex: 6 }]);
    expect(await apart.settled(5, 1)).toBeUndefined();
  });
});

describe("the tally", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "raftq-tally-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test("counts lines as files grow, and a line once it is whole", () => {
    const tally = new Tally(directory);
    const file = join(directory, "p1.1.jsonl");
    expect(tally.look().invoked).toBe(0);
    writeFileSync(file, '{"type":"invoke","op":1}\n{"type":"o');
    expect(tally.look()).toMatchObject({ invoked: 1, ok: 0 });
    appendFileSync(file, 'k","op":1}\n{"type":"delivered"}\n{"type":"unknown"}\n{"type":"note"}\n');
    writeFileSync(join(directory, "p2.1.jsonl"), '{"type":"fail"}\n');
    const counts = { invoked: 1, ok: 1, fail: 1, unknown: 1, delivered: 1 };
    expect(tally.look()).toEqual(counts);
    expect(tally.look()).toEqual(counts);
  });
});

describe("the run's own checks", () => {
  const death: Death = {
    nodeId: 2,
    time: 2_000_000,
    code: 70,
    signal: null,
    lastLines: ["damaged"],
  };
  const quiet: Watched = {
    ...{ terms: 3, compared: 9, turns: 1, recoveryMsMax: 10, catalogue, injected: [], deaths: [] },
    ...{ violations: [], failures: [], complaints: [] },
  };
  const violated = (watched: Partial<Watched>): string[] =>
    ownChecks({ ...quiet, ...watched })
      .filter(({ result }) => result === "violated")
      .map(({ check }) => check);

  test("a quiet run holds", () => {
    expect(violated({})).toEqual([]);
  });

  test("what was looked at, in words that fit the numbers", () => {
    const looked = ownChecks({ ...quiet, terms: 1, compared: 41_201 }).map((one) => one.looked);
    expect(looked[0]).toMatch(/^1 term with a leader/);
    expect(looked[1]).toBe("41,201 times two nodes at one index");
    expect(looked[2]).toMatch(/^1 fault; at most/);
    expect(looked[3]).toMatch(/^0 ends by themselves, 0 of them/);
  });

  test("each thing that was seen is a violation of its check", () => {
    expect(violated({ violations: ["nodes 1 and 2 both led in term 4 (B1)"] })).toEqual([
      "one leader in a term",
    ]);
    expect(violated({ violations: ["at index 5 … (B2)"] })).toEqual(["replicas agree under way"]);
    expect(violated({ failures: ["no leader"] })).toEqual(["the cluster comes back"]);
    expect(violated({ complaints: ["x"] })).toEqual(["what the workers saw themselves"]);
    expect(violated({ deaths: [death] })).toEqual(["no process ends by itself"]);
  });

  test("only a node whose disk or limits were hit may end by itself, and only about then", () => {
    const flip = { fault: "flip-log", what: "", targets: [2], from: 1_000_000, to: 3_000_000 };
    expect(violated({ deaths: [death], injected: [flip] })).toEqual([]);
    const others = [
      { ...flip, targets: [1] },
      { ...flip, fault: "pause" },
      { ...flip, from: 2_000_001 },
      { ...flip, from: -9_000_000, to: -8_000_000 },
    ];
    for (const injected of others)
      expect(violated({ deaths: [death], injected: [injected] })).toHaveLength(1);
  });
});

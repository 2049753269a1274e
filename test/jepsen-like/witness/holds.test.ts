import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Evidence, LogEntry } from "../../../jepsen-like/checkers/contract.ts";
import { TinyServer } from "./tiny-server.ts";
import { bad, verdictsOf, type Draft } from "./tampered.ts";

test("every good history holds, in all steps", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
      expect(bad(new TinyServer(seed).run(300))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("M1: an ack that was refused, and asked for again in vain, may be the one in the log or not", () => {
  let tried = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const good = new TinyServer(seed).run(160);
    const { calls } = good.history;
    const refused = calls.find(
      ({ asked, told }) => asked.f === "ack" && told?.reason === "STALE_LEASE",
    );
    if (refused === undefined) continue;
    tried++;
    const end = Math.max(...calls.map(({ told }) => told?.time ?? 0));
    const again = { asked: { ...refused.asked, op: 1_000, time: end + 1 } };
    expect(bad({ ...good, history: { ...good.history, calls: [...calls, again] } })).toEqual([]);
  }
  expect(tried).toBeGreaterThanOrEqual(5);
});

test("P9: a good history holds, whatever a leader's clock did meanwhile: an hour ahead ends no window", () => {
  let repeated = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const good = new TinyServer(seed).run(200);
    for (const { told } of good.history.calls)
      repeated += told?.told?.placed?.filter(({ deduplicated }) => deduplicated).length ?? 0;
    const ahead = (entry: LogEntry): LogEntry =>
      entry.index > 60 && entry.stamp > 0 ? { ...entry, stamp: entry.stamp + 3_600_000 } : entry;
    const logs = good.logs.map(({ nodeId, entries }) => ({ nodeId, entries: entries.map(ahead) }));
    expect(bad({ ...good, logs }), `seed ${seed}`).toEqual([]);
  }
  expect(repeated).toBeGreaterThan(20);
});

test("O1: of two tries of a message, both without an answer, the second may be the one that is stored", () => {
  const good = structuredClone(new TinyServer(1).run(0)) as Draft;
  const [log] = good.logs.map(({ entries }) => entries);
  let op = 0;
  let time = 10_000_000;
  /** `seq` 0: nobody hears of it. */
  const enqueue = (body: string, seq: number): void => {
    const named = { queue: "q", key: "a", body, dedupId: body };
    const index = log!.length + 1;
    const { term, stamp, chain } = log!.at(-1)!;
    const commands = [{ session: 1, sequence: ++op, op: "enqueue", ...named }];
    const entry = { index, term, kind: "command", stamp: stamp + 1, commands };
    const link = { chain: index.toString(16).padStart(8, "0"), chainBefore: chain };
    for (const { entries } of good.logs) entries.push({ ...entry, ...link });
    const common = { process: "p1", op, f: "enqueue" } as const;
    const placed = [{ body, seq, keySeq: seq, logIndex: index, deduplicated: false }];
    const told = {
      type: "ok",
      ...common,
      time: time + 1,
      told: { logIndex: index, placed },
    } as const;
    const asked = { type: "invoke", ...common, ...named, time } as const;
    good.history.calls.push(seq === 0 ? { asked } : { asked, told });
    time += 10;
    good.barrier = index;
  };
  enqueue("x", 0);
  enqueue("y", 1);
  enqueue("x", 0);
  enqueue("z", 3);
  const lines = verdictsOf(good as Evidence).flatMap(({ findings }) => findings);
  expect(lines).toEqual([]);
});

test("what was looked at is said in numbers that one can read", () => {
  const [log, answers] = verdictsOf(new TinyServer(1).run(800));
  expect(log!.looked).toMatch(/^\d{3} entries of 3 nodes with the barrier; \d,\d{3} compared$/);
  expect(answers!.looked).toMatch(/answered calls, /);
});

describe("nothing is said where nothing can be known", () => {
  test("K2: the run did not get to its barrier", () => {
    const verdicts = verdictsOf({ ...new TinyServer(1).run(100), barrier: 0 });
    expect(verdicts.slice(0, 6).every(({ result }) => result === "inconclusive")).toBe(true);
  });

  test("K3: the beginning of the log is gone; its end is missing; nobody has the barrier", () => {
    const good = new TinyServer(1).run(100);
    const cut = (from: number, to: number): Evidence => ({
      ...good,
      logs: good.logs.map(({ nodeId, entries }) => ({ nodeId, entries: entries.slice(from, to) })),
    });
    for (const evidence of [cut(1, 1_000), cut(0, good.barrier - 1)]) {
      const results = verdictsOf(evidence)
        .slice(0, 6)
        .map(({ result }) => result);
      expect(new Set(results)).toEqual(new Set(["inconclusive"]));
    }
  });

  test("A2: the uncommitted end of a node that never came back is no violation", () => {
    const good = new TinyServer(1).run(100);
    const entries = [...good.logs[2]!.entries.slice(0, 20)];
    entries[19] = { ...entries[19]!, term: 9, chain: "0000beef" };
    const logs = [good.logs[0]!, good.logs[1]!, { nodeId: 3, entries }];
    const verdicts = verdictsOf({ ...good, logs });
    expect(verdicts.every(({ result }) => result === "holds")).toBe(true);
    expect(verdicts[0]!.looked).toContain("node 3 left an uncommitted end from entry 20 on");
  });

  test("A4: digests at different indexes say nothing", () => {
    const good = new TinyServer(1).run(100);
    const digests = good.digests.map((one, at) => ({ ...one, appliedIndex: at }));
    expect(bad({ ...good, digests })).toMatchObject([{ result: "inconclusive" }]);
  });
});

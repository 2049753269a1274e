// Where messages lie: fresh, in runs, alone (MS1-MS3, MR1, MR2); bundles.test.ts has those of keys that are rarely used.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../queue/byte-reader.ts";
import { ByteWriter } from "../../queue/byte-writer.ts";
import type { StoredMessage } from "../../queue/index.ts";
import { family, partsOfMessageRow } from "../../queue/keys.ts";
import { MessageArena } from "../../queue/message-arena.ts";
import { addToRun, messagesOfRun, runMax, RunReader, Runs } from "../../queue/message-run.ts";
import { rulesVersionMax, runsSince } from "../../queue/version.ts";
import { bytes, nobody, only, Replica, Story, text } from "./harness.ts";

const stored = (seq: number, body = "x"): StoredMessage => ({
  ...{ seq, logIndex: 1, enqueuedAt: 1, key: "a", content: bytes(body), deadLetter: undefined },
  ...{ notBefore: 0, expiresAt: 0, priority: 0 },
});

describe("a run", () => {
  const keySeqs = fc
    .uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 80 })
    .map((all) => all.sort((a, b) => a - b));

  test("gives back what was put in, one by one and as a whole, and nothing else", () => {
    const asked = fc.array(fc.integer({ min: 1, max: 501 }));
    fc.assert(
      fc.property(keySeqs, asked, (all, asks) => {
        const writer = new ByteWriter(64);
        const arena = new MessageArena();
        const first = all[0] ?? 1;
        let before = first;
        for (const keySeq of all) {
          addToRun(
            writer,
            before,
            keySeq,
            arena.piece(arena.add(stored(keySeq, `body ${keySeq}`))),
          );
          before = keySeq;
        }
        const value = writer.cut();
        expect([...messagesOfRun(value, first)].map(([keySeq]) => keySeq)).toEqual(all);
        const inOrder = Array.from({ length: 501 }, (_, i) => i + 1);
        const reader = new RunReader(value, first);
        for (const keySeq of [...asks, ...inOrder, ...asks]) {
          const found = all.includes(keySeq) ? stored(keySeq, `body ${keySeq}`) : undefined;
          expect(reader.message(keySeq)).toEqual(found);
        }
      }),
    );
  });

  test("the index of a lane's runs: which one a message lies in, and when it goes", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(lengths, fc.infiniteStream(fc.nat()), (all, dice) => {
        let runs = new Runs();
        const members = new Map<number, number>();
        const left = new Map<number, number>();
        let next = 3;
        for (const length of all) {
          runs.add(next, length);
          left.set(next, length);
          for (let i = 0; i < length; i++) members.set(next + i, next);
          next += length + 2;
        }
        const waiting = [...members.keys()];
        while (waiting.length > 0) {
          const { value: roll = 0 } = dice.next() as { value?: number };
          // Mostly in order, as it is.
          const at = roll % 3 === 0 ? roll % waiting.length : 0;
          const [keySeq = 0] = waiting.splice(at, 1);
          const first = members.get(keySeq) ?? 0;
          expect(runs.firstOf(keySeq)).toBe(first);
          left.set(first, (left.get(first) ?? 0) - 1);
          expect(runs.leave(keySeq)).toBe(left.get(first) === 0 ? first : undefined);
          if (roll % 7 === 0) {
            const writer = new ByteWriter(64);
            runs.write(writer);
            runs = Runs.read(new ByteReader(writer.cut()));
          }
        }
        expect(runs.count).toBe(0);
        expect(runs.firstOf(next)).toBeUndefined();
      }),
    );
  });

  test("MR2: what lies in no run cannot leave one", () => {
    const runs = new Runs();
    runs.add(5, 2);
    expect(() => runs.leave(4)).toThrow("MR2");
    expect(() => runs.leaveAllBut([4])).toThrow("MR2");
    expect(() => runs.add(5, 1)).toThrow("MR1");
  });
});

/** Rows of messages in the store: what each begins with, and how many messages it was written with. */
async function rowsOf(replica: Replica): Promise<string[]> {
  await replica.flush();
  const rows: string[] = [];
  for (const { key, value } of await replica.image()) {
    const place = partsOfMessageRow(key);
    if (place === undefined) continue;
    const { lane, keySeq } = place;
    if (key.startsWith(family.message)) rows.push(`${lane}/${keySeq} alone`);
    if (key.startsWith(family.run))
      rows.push(`${lane}/${keySeq} of ${[...messagesOfRun(value, keySeq)].length}`);
  }
  return rows;
}

async function bodies(story: Story, lane: string, keySeqs: readonly number[]): Promise<string[]> {
  const queueId = story.machine.queueInfo("q")?.id ?? 0;
  const found: string[] = [];
  for (const keySeq of keySeqs) {
    const one = await story.replica.message({ queueId, lane, keySeq });
    found.push(one === undefined ? "gone" : text(one.content));
  }
  return found;
}

/** Before there were bundles, by default: each lane has runs, however few messages it has. */
async function withMessages(count: number, size = 1, version: number = runsSince): Promise<Story> {
  const story = new Story(Replica.empty(undefined, undefined, version));
  await story.queue("q");
  for (let n = 1; n <= count; n++) await story.put("q", "a", String(n).padEnd(size, "."));
  return story;
}

describe("the messages of a lane", () => {
  test("MS2: a batch takes them as runs of a bounded number, and of bounded bytes", async () => {
    const many = await withMessages(2 * runMax.messages + 3);
    expect(await rowsOf(many.replica)).toEqual(["a/1 of 64", "a/65 of 64", "a/129 of 3"]);
    await many.put("q", "a");
    expect(await rowsOf(many.replica)).toContain("a/132 of 1");
    const large = await withMessages(3, runMax.bytes - 100);
    expect(await rowsOf(large.replica)).toEqual(["a/1 of 1", "a/2 of 1", "a/3 of 1"]);
    const now = await withMessages(2 * runMax.messages + 3, 1, rulesVersionMax);
    expect(await rowsOf(now.replica)).toEqual(["a/1 of 64", "a/65 of 64", "a/129 of 3"]);
  });

  test("MR1: a run stays until the last of its messages is settled; what was settled is gone before", async () => {
    const story = await withMessages(3);
    await story.replica.flush();
    await story.session("q");
    await story.ack(only(story.grants));
    await story.restart();
    expect(await rowsOf(story.replica)).toEqual(["a/1 of 3"]);
    expect(await bodies(story, "a", [1, 2, 3, 4])).toEqual(["gone", "2", "3", "gone"]);
    for (const grant of story.machine.liveGrants(1)) await story.ack(grant);
    await story.ack(only(story.grants));
    expect(await rowsOf(story.replica)).toEqual([]);
    expect(await bodies(story, "a", [1, 2, 3])).toEqual(["gone", "gone", "gone"]);
  });

  test("W3: what is settled before its batch leaves a hole in the run, or no run", async () => {
    const story = await withMessages(4);
    for (const keySeq of [2, 3]) {
      const ref = { queue: "q", lane: "a", keySeq };
      expect(await story.call({ kind: "cancel", message: ref })).toEqual({ kind: "done" });
    }
    expect(await rowsOf(story.replica)).toEqual(["a/1 of 2"]);
    await story.restart();
    expect(await bodies(story, "a", [1, 2, 3, 4])).toEqual(["1", "gone", "gone", "4"]);
  });

  test("MS1: settled while its batch is being written: its run goes with the next one", async () => {
    const story = await withMessages(2);
    await story.session("q");
    const { store } = story.replica;
    await store.write(story.machine.takeWrites());
    await story.ack(only(story.grants));
    await story.ack(only(story.grants));
    expect(await bodies(story, "a", [1, 2])).toEqual(["gone", "gone"]);
    story.machine.writesStored();
    expect(story.machine.writeBehindBytes).toBeGreaterThan(0);
    expect(await rowsOf(story.replica)).toEqual([]);
    expect(story.machine.writeBehindBytes).toBe(0);
  });

  test("MS3: what is replaced lies alone from then on, and nothing is left of it when it goes", async () => {
    const story = new Story(Replica.empty(undefined, undefined, runsSince));
    await story.queue("q", { maxAttempts: 1 });
    await story.session("q");
    await story.put("q", "a", "1");
    const grant = only(story.grants);
    await story.put("q", "a", "2");
    await story.nack(grant, 0);
    await story.replica.flush();
    const parked = { queue: "q", lane: "a", keySeq: 1 };
    const resolution = { kind: "replace", content: bytes("new") } as const;
    await story.call({ kind: "resolve-parked", message: parked, resolution });
    expect(await rowsOf(story.replica)).toEqual(["a/1 alone", "a/1 of 2"]);
    await story.restart();
    expect(await bodies(story, "a", [1, 2])).toEqual(["new", "2"]);
    for (const grant of story.machine.liveGrants(1)) await story.ack(grant);
    await story.ack(only(story.grants));
    expect(await rowsOf(story.replica)).toEqual([]);
  });

  test("a queue that goes takes them along, whatever they lie in", async () => {
    const story = await withMessages(3);
    await story.replica.flush();
    await story.put("q", "a");
    await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false });
    expect(await rowsOf(story.replica)).toEqual([]);
    expect(story.machine.writeBehindBytes).toBe(0);
  });
});

describe("before version 3 of the rules", () => {
  const before = async (): Promise<Story> => {
    const story = new Story(Replica.empty(undefined, undefined, runsSince - 1));
    await story.queue("q");
    for (const body of ["1", "2", "3"]) await story.put("q", "a", body);
    await story.session("q");
    return story;
  };
  const raise = { kind: "raise-version", version: runsSince } as const;

  test("each message lies alone, and no lane speaks of it: a member that has not been upgraded can read all rows", async () => {
    const story = await before();
    const grant = only(story.grants);
    await story.call({ kind: "cancel", message: { queue: "q", lane: "a", keySeq: 2 } });
    expect(await rowsOf(story.replica)).toEqual(["a/1 alone", "a/3 alone"]);
    for (const { lanes } of story.machine.state.queues.values())
      expect([...lanes.values()].map(({ stored }) => stored)).toEqual([undefined]);
    await story.restart();
    expect(await bodies(story, "a", [1, 2, 3])).toEqual(["1", "gone", "3"]);
    await story.ack(grant);
    await story.ack(only(story.grants));
    expect(await rowsOf(story.replica)).toEqual([]);
  });

  test("what came in until then stays where it is; the raise writes down where, whatever is stored when", async () => {
    for (const flushes of [true, false]) {
      const story = await before();
      const grant = only(story.grants);
      if (flushes) await story.replica.flush();
      await story.entry([[nobody, raise]]);
      if (flushes) await story.restart();
      await story.put("q", "a", "4");
      expect(await rowsOf(story.replica)).toEqual([
        ...["a/1 alone", "a/2 alone", "a/3 alone", "a/4 of 1"],
      ]);
      await story.restart();
      expect(await bodies(story, "a", [1, 2, 3, 4])).toEqual(["1", "2", "3", "4"]);
      await story.ack(grant);
      for (let left = 3; left > 0; left--) await story.ack(only(story.grants));
      expect(await rowsOf(story.replica)).toEqual([]);
    }
  });

  test("a raise while a batch is being written", async () => {
    const story = await before();
    const grant = only(story.grants);
    const { store } = story.replica;
    await store.write(story.machine.takeWrites());
    await story.entry([[nobody, raise]]);
    await story.ack(grant);
    story.machine.writesStored();
    expect(await rowsOf(story.replica)).toEqual(["a/2 alone", "a/3 alone"]);
    await story.restart();
    expect(await bodies(story, "a", [1, 2, 3])).toEqual(["gone", "2", "3"]);
  });
});

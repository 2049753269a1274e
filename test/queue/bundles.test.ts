// Messages of keys that are rarely used lie together in the store, which tells of their lanes there (BU1-BU3, MS1-MS3).

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addToBundle, bundleMax, BundleReader, headsOf, lanesTold } from "../../queue/bundle.ts";
import { ByteWriter } from "../../queue/byte-writer.ts";
import { defaultLimits, type StoredMessage } from "../../queue/index.ts";
import { bundleOfTellsRow, family, laneOfRow, partsOfMessageRow } from "../../queue/keys.ts";
import { MessageArena } from "../../queue/message-arena.ts";
import { bundlesSince } from "../../queue/version.ts";
import { bytes, nobody, only, Replica, Story, text } from "./harness.ts";

const stored = (body: string): StoredMessage => ({
  ...{ seq: 1, logIndex: 1, enqueuedAt: 1, key: "a", content: bytes(body), deadLetter: undefined },
  ...{ notBefore: 0, expiresAt: 0, priority: 0 },
});

test("a bundle gives back what was put in, in whatever order it is asked for, and nothing else", () => {
  const place = fc.record({
    lane: fc.constantFrom("a", "b", "\x00", "ab"),
    keySeq: fc.integer({ min: 1, max: 300 }),
  });
  const nameOf = (one: { lane: string; keySeq: number }): string => `${one.lane}/${one.keySeq}`;
  const places = fc.uniqueArray(place, { maxLength: 40, selector: nameOf });
  fc.assert(
    fc.property(places, fc.array(place), (all, asked) => {
      const writer = new ByteWriter(64);
      const arena = new MessageArena();
      for (const one of all)
        addToBundle(writer, one.lane, one.keySeq, arena.piece(arena.add(stored(nameOf(one)))));
      const value = writer.cut();
      expect([...headsOf(value)].map(nameOf)).toEqual(all.map(nameOf));
      const names = new Set(all.map(nameOf));
      const reader = new BundleReader(value);
      for (const one of [...all, ...asked, ...all.toReversed()]) {
        const found = names.has(nameOf(one)) ? stored(nameOf(one)) : undefined;
        expect(reader.message(one.lane, one.keySeq)).toEqual(found);
      }
    }),
  );
});

/** What the store says of lanes and messages: rows of lanes, what bundles tell, bundles, and other rows of messages. */
async function rowsOf(replica: Replica): Promise<string[]> {
  await replica.flush();
  const rows: string[] = [];
  for (const { key, value } of await replica.image()) {
    const bundle = bundleOfTellsRow(key);
    if (key.startsWith(family.lane)) {
      const told = (): string[] => [...lanesTold(value)].map(([lane]) => lane);
      rows.push(bundle === undefined ? `lane ${laneOfRow(key).lane}` : `tells ${told().join(" ")}`);
    }
    if (key.startsWith(family.bundle)) {
      const heads = [...headsOf(value)].map(({ lane, keySeq }) => `${lane}/${keySeq}`);
      rows.push(`bundle ${heads.join(" ")}`);
    }
    const of = partsOfMessageRow(key);
    if (key.startsWith(family.run)) rows.push(`run ${of?.lane}/${of?.keySeq}`);
    if (key.startsWith(family.message)) rows.push(`alone ${of?.lane}/${of?.keySeq}`);
  }
  return rows;
}

async function bodies(story: Story, ...places: readonly string[]): Promise<string[]> {
  const queueId = story.machine.queueInfo("q")?.id ?? 0;
  const found: string[] = [];
  for (const place of places) {
    const [lane = "", keySeq = ""] = place.split("/");
    const one = await story.replica.message({ queueId, lane, keySeq: Number(keySeq) });
    found.push(one === undefined ? "gone" : text(one.content));
  }
  return found;
}

/** A message of each of these keys, in this order. */
async function putEach(story: Story, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await story.put("q", key, `of ${key}`);
}

async function withKeys(...keys: readonly string[]): Promise<Story> {
  const story = new Story();
  await story.queue("q");
  await putEach(story, ...keys);
  return story;
}

const cancel = (lane: string, keySeq: number) =>
  ({ kind: "cancel", message: { queue: "q", lane, keySeq } }) as const;

describe("a bundle", () => {
  test("holds the messages of many keys and tells of them: no other row is written, and all are back after a restart", async () => {
    const story = await withKeys("c", "a", "b", "a");
    const rows = ["tells c a b", "bundle c/1 a/1 a/2 b/1"];
    expect(await rowsOf(story.replica)).toEqual(rows);
    await story.restart();
    expect(await rowsOf(story.replica)).toEqual(rows);
    expect(await bodies(story, "a/1", "a/2", "a/3", "b/1", "c/1")).toEqual([
      ...["of a", "of a", "gone", "of b", "of c"],
    ]);
    await story.session("q");
    expect(story.grants.map(({ lane, keySeq }) => `${lane}/${keySeq}`)).toEqual([
      ...["c/1", "a/1", "b/1"],
    ]);
  });

  test("is bounded in messages and in bytes; who has many messages, or large ones, has runs", async () => {
    const keys = Array.from({ length: bundleMax.messages + 1 }, (_, n) => `k${n}`);
    const many = await withKeys(...keys);
    const counts = (rows: readonly string[]): number[] =>
      rows.filter((row) => row.startsWith("bundle")).map((row) => row.split(" ").length - 1);
    expect(counts(await rowsOf(many.replica))).toEqual([bundleMax.messages, 1]);

    const large = await withKeys();
    const size = bundleMax.ofLane.bytes - 100;
    const full = Math.ceil(bundleMax.bytes / bundleMax.ofLane.bytes) + 1;
    for (const key of keys.slice(0, full + 1)) await large.put("q", key, "x".repeat(size));
    expect(counts(await rowsOf(large.replica))).toEqual([full, 1]);

    const { messages } = bundleMax.ofLane;
    const few = await withKeys(...Array<string>(messages).fill("a"));
    expect(counts(await rowsOf(few.replica))).toEqual([messages]);
    const more = await withKeys(...Array<string>(messages + 1).fill("a"));
    expect(await rowsOf(more.replica)).toEqual(["lane a", "run a/1"]);
    await more.put("q", "b", "x".repeat(bundleMax.ofLane.bytes));
    expect(await rowsOf(more.replica)).toEqual(["lane a", "lane b", "run a/1", "run b/1"]);
    await more.restart();
    expect(await bodies(more, "a/1", "a/16", "a/17")).toEqual(["of a", "of a", "gone"]);
  });

  test("BU1: stays until the last of its messages is settled, and goes with what it told", async () => {
    const story = await withKeys("a", "b");
    await story.replica.flush();
    await story.call(cancel("a", 1));
    expect(await rowsOf(story.replica)).toEqual(["tells a b", "lane a", "bundle a/1 b/1"]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1")).toEqual(["gone", "of b"]);
    await story.call(cancel("b", 1));
    expect(await rowsOf(story.replica)).toEqual(["lane a", "lane b"]);
    await story.restart();
    await putEach(story, "a", "b");
    expect(await bodies(story, "a/1", "a/2", "b/2")).toEqual(["gone", "of a", "of b"]);
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 4, cancelled: 2 });
  });

  test("BU1: a number that was free again is used again only when nothing is left of the other", async () => {
    const story = await withKeys("a");
    await story.replica.flush();
    await story.call(cancel("a", 1));
    await story.restart();
    await putEach(story, "b");
    expect(await rowsOf(story.replica)).toEqual(["tells b", "lane a", "bundle b/1"]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1")).toEqual(["gone", "of b"]);
  });

  test("BU3: a lane of which more happened than messages that came has its own row", async () => {
    const story = await withKeys("a", "b", "b");
    await story.session("q", 1);
    expect(only(story.grants).lane).toBe("a");
    await story.call(cancel("b", 1));
    await putEach(story, "c", "d");
    await story.call({ kind: "pause-key", queue: "q", lane: "c", paused: true });
    expect(await rowsOf(story.replica)).toEqual([
      ...["tells d", "lane a", "lane b", "lane c", "bundle a/1 b/2 c/1 d/1"],
    ]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1", "b/2", "c/1", "d/1")).toEqual([
      ...["of a", "gone", "of b", "of c", "of d"],
    ]);
    expect(story.machine.liveGrants(1).map(({ lane }) => lane)).toEqual(["a"]);
  });

  test("BU3: all that is known of a lane comes with what is told of it", async () => {
    const story = await withKeys();
    await story.session("q", 1);
    await putEach(story, "a", "a", "b");
    await story.call({ kind: "pause-key", queue: "q", lane: "b", paused: true });
    await story.replica.flush();
    await putEach(story, "a", "b");
    expect(await rowsOf(story.replica)).toEqual([
      ...["tells a b", "lane a", "lane b", "bundle a/1 a/2 b/1", "bundle a/3 b/2"],
    ]);
    await story.restart();
    expect(await bodies(story, "a/1", "a/2", "a/3", "b/1", "b/2")).toEqual([
      ...["of a", "of a", "of a", "of b", "of b"],
    ]);
    const held = (): unknown => only(story.machine.liveGrants(1));
    for (const keySeq of [1, 2, 3]) {
      expect(held()).toMatchObject({ lane: "a", keySeq });
      await story.ack(only(story.machine.liveGrants(1)));
    }
    expect(story.machine.liveGrants(1)).toEqual([]);
    await story.call({ kind: "pause-key", queue: "q", lane: "b", paused: false });
    expect(held()).toMatchObject({ lane: "b", keySeq: 1 });
  });

  test("BU3: of two that tell of a lane the later one is right, whatever the lane's own row says", async () => {
    const story = await withKeys("a");
    await story.replica.flush();
    await story.call(cancel("a", 1));
    await story.replica.flush();
    await putEach(story, "a", "x");
    await story.replica.flush();
    await putEach(story, "a", "y");
    const rows = ["tells a x", "tells a y", "lane a", "bundle a/2 x/1", "bundle a/3 y/1"];
    expect(await rowsOf(story.replica)).toEqual(rows);
    await story.restart();
    expect(await bodies(story, "a/1", "a/2", "a/3", "a/4")).toEqual([
      ...["gone", "of a", "of a", "gone"],
    ]);
    for (const keySeq of [2, 3]) await story.call(cancel("a", keySeq));
    expect(await rowsOf(story.replica)).toEqual(rows);
    await story.restart();
    expect(await bodies(story, "a/2", "a/3", "x/1", "y/1")).toEqual([
      ...["gone", "gone", "of x", "of y"],
    ]);
  });

  test("BU3, L6: what it tells of lanes that are left out of memory is old, and stays so", async () => {
    const limits = { ...defaultLimits, lanesResidentMax: 1 };
    const story = await withKeys("a", "b", "c", "d");
    await story.replica.flush();
    for (const lane of ["a", "b", "c"]) await story.call(cancel(lane, 1));
    await story.replica.flush();
    await story.restart(limits);
    const { lanes } = only([...story.machine.state.queues.values()]);
    expect([...lanes.keys()].sort()).toEqual(["a", "d"]);
    expect(await bodies(story, "a/1", "b/1", "c/1", "d/1")).toEqual([
      ...["gone", "gone", "gone", "of d"],
    ]);
    await putEach(story, "b", "c");
    await story.restart(limits);
    expect(await bodies(story, "b/1", "b/2", "c/2")).toEqual(["gone", "of b", "of c"]);
  });

  test("MS1: what is settled while its batch is being written goes with the next one", async () => {
    const story = await withKeys("a", "b");
    await story.replica.store.write(story.machine.takeWrites());
    expect(await bodies(story, "a/1", "b/1")).toEqual(["of a", "of b"]);
    await story.call(cancel("a", 1));
    await putEach(story, "a");
    expect(await bodies(story, "a/1", "b/1", "a/2")).toEqual(["gone", "of b", "of a"]);
    story.machine.writesStored();
    await story.call(cancel("b", 1));
    expect(await rowsOf(story.replica)).toEqual(["lane a", "lane b", "bundle a/2"]);
    expect(story.machine.writeBehindBytes).toBe(0);
  });

  test("W3: what is settled before its batch is in none", async () => {
    const story = await withKeys("a", "b", "b", "b");
    await story.call(cancel("a", 1));
    await story.call(cancel("b", 2));
    expect(await rowsOf(story.replica)).toEqual(["lane a", "lane b", "bundle b/1 b/3"]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1", "b/2", "b/3")).toEqual([
      ...["gone", "of b", "gone", "of b"],
    ]);
  });

  test("MS3: what is replaced leaves it", async () => {
    const story = new Story();
    await story.queue("q", { maxAttempts: 1 });
    await story.session("q");
    await story.put("q", "a", "1");
    await story.nack(only(story.grants), 0);
    await putEach(story, "b");
    await story.replica.flush();
    const message = { queue: "q", lane: "a", keySeq: 1 };
    const resolution = { kind: "replace", content: bytes("new") } as const;
    await story.call({ kind: "resolve-parked", message, resolution });
    expect(await rowsOf(story.replica)).toEqual([
      ...["lane a", "lane b", "alone a/1", "bundle a/1 b/1"],
    ]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1")).toEqual(["new", "of b"]);
    for (const grant of story.machine.liveGrants(1)) await story.ack(grant);
    expect(await rowsOf(story.replica)).toEqual(["lane a", "lane b"]);
  });
});

describe("a purge", () => {
  const purge = (lane: string | undefined) =>
    ({ kind: "purge", queue: "q", lane, dryRun: false }) as const;

  test("of a key takes its messages out of the bundles; the others stay", async () => {
    const story = await withKeys("a", "b");
    await story.replica.flush();
    await putEach(story, "a");
    await story.replica.flush();
    await story.call(purge("a"));
    expect(await rowsOf(story.replica)).toEqual([...["tells a b", "lane a", "bundle a/1 b/1"]]);
    await story.restart();
    expect(await bodies(story, "a/1", "a/2", "b/1")).toEqual(["gone", "gone", "of b"]);
  });

  test("of a queue leaves what is leased, and the bundles in which it lies", async () => {
    const story = await withKeys("a", "b");
    await story.replica.flush();
    await putEach(story, "c");
    await story.session("q", 1);
    await story.replica.flush();
    await story.call(purge(undefined));
    expect(await rowsOf(story.replica)).toEqual([
      ...["tells a b", "lane a", "lane b", "lane c", "bundle a/1 b/1"],
    ]);
    await story.restart();
    expect(await bodies(story, "a/1", "b/1", "c/1")).toEqual(["of a", "gone", "gone"]);
    await story.ack(only(story.machine.liveGrants(1)));
    expect(await rowsOf(story.replica)).toEqual(["lane a", "lane b", "lane c"]);
  });
});

test("a queue that goes takes its bundles along; what comes later has its own", async () => {
  const story = await withKeys("a", "b");
  await story.replica.flush();
  await putEach(story, "c");
  await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false });
  expect(await rowsOf(story.replica)).toEqual([]);
  expect(story.machine.writeBehindBytes).toBe(0);
  await story.queue("q");
  await putEach(story, "a");
  expect(await rowsOf(story.replica)).toEqual(["tells a", "bundle a/1"]);
});

test("queues have bundles of their own, and only those with keys: others have few lanes", async () => {
  const story = await withKeys("a");
  await story.queue("total", { ordering: "total" });
  await story.queue("none", { ordering: "none" });
  await story.queue("other");
  for (const queue of ["total", "none", "other"]) await story.put(queue, "a", queue);
  expect(await rowsOf(story.replica)).toEqual([
    ...["tells a", "lane ", "lane ", "tells a", "run /1", "run /1", "bundle a/1", "bundle a/1"],
  ]);
  await story.restart();
  expect(await rowsOf(story.replica)).toHaveLength(8);
});

test("what a bundle tells is no key to be looked at", async () => {
  const story = await withKeys("a", "b");
  await story.replica.flush();
  const view = story.machine.browse("q");
  const { from, to } = view?.keyRows ?? { from: "", to: "" };
  const rows = (await story.replica.image()).filter(({ key }) => key >= from && key < to);
  expect(rows).toHaveLength(1);
  for (const { key, value } of rows) expect(view?.pausedKey(key, value)).toBeUndefined();
});

test("before version 4 of the rules there are none: a member that has not been upgraded can read all rows", async () => {
  const story = new Story(Replica.empty(undefined, undefined, bundlesSince - 1));
  await story.queue("q");
  await putEach(story, "a", "b");
  const before = ["lane a", "lane b", "run a/1", "run b/1"];
  expect(await rowsOf(story.replica)).toEqual(before);
  await putEach(story, "a");
  await story.entry([[nobody, { kind: "raise-version", version: bundlesSince }]]);
  await putEach(story, "b", "c");
  expect(await rowsOf(story.replica)).toEqual([...["tells b c", ...before, "bundle a/2 b/2 c/1"]]);
  await story.restart();
  expect(await bodies(story, "a/1", "a/2", "b/1", "b/2", "c/1")).toEqual([
    ...["of a", "of a", "of b", "of b", "of c"],
  ]);
});

// The messages of grants: from memory, from the store, and from the runs that were read last.

import { beforeEach, describe, expect, test } from "vitest";
import { Bodies } from "../../node/bodies.ts";
import type { Bytes, MessagePlace, OrderedStore } from "../../queue/index.ts";
import { bundleMax } from "../../queue/bundle.ts";
import { only, Story, text } from "../queue/harness.ts";
import { settled } from "./fakes.ts";

let story: Story;
let bodies: Bodies;
/** How many rows each reading asked for. */
let reads: number[];
/** Readings go on when they are let go, in this order. */
let held: (() => void)[] | undefined;
/** What the store gives is so many bytes shorter. */
let cut: number;
let failures: unknown[];
let queueId: number;

const at = (lane: Bytes, keySeq: number): MessagePlace => ({ queueId, lane, keySeq });

async function told(...places: readonly MessagePlace[]): Promise<(string | undefined)[]> {
  const messages = await bodies.messages(places);
  return messages.map((message) => message && text(message.content));
}

/** Of a run of a key, which has more messages than lie in a bundle; and of the first message behind it. */
const runLength = bundleMax.ofLane.messages + 1;
const second = runLength + 1;

/** Messages of one key, which lie in one run from now on. */
async function run(key: string, ...all: readonly string[]): Promise<void> {
  for (const body of all) await story.put("q", key, body);
  for (let n = all.length; n < runLength; n++) await story.put("q", key);
  await story.replica.flush();
}

/** Messages of one key each, which lie in one bundle from now on. */
async function bundle(...all: readonly string[]): Promise<void> {
  for (const body of all) await story.put("q", body, body);
  await story.replica.flush();
}

beforeEach(async () => {
  story = new Story();
  reads = [];
  held = undefined;
  cut = 0;
  failures = [];
  const state = () => {
    const { machine, store } = story.replica;
    const watched: OrderedStore = Object.create(store) as OrderedStore;
    watched.getMany = async (rows) => {
      reads.push(rows.length);
      const values = await store.getMany(rows);
      if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
      return values.map((value) => value?.subarray(0, value.length - cut));
    };
    return { machine, store: watched };
  };
  bodies = new Bodies(state, (_store, error) => failures.push(error));
  await story.queue("q");
  await story.session("q", 1);
  await story.put("q", "first");
  ({ queueId } = only(story.grants));
});

describe("messages of a run", () => {
  test("are read once, in whatever order they are asked for", async () => {
    await run("a", "1", "2", "3");
    expect(await told(at("a", 2))).toEqual(["2"]);
    expect(await told(at("a", 3), at("a", 1), at("a", 2))).toEqual(["3", "1", "2"]);
    expect(reads).toEqual([1]);
  });

  test("of two runs of a key: the one that was read last is at hand", async () => {
    await run("a", "1", "2");
    await run("a", "3", "4");
    expect(await told(at("a", 1), at("a", second), at("a", 2))).toEqual(["1", "3", "2"]);
    expect(reads).toEqual([2]);
    expect(await told(at("a", 1), at("a", 2))).toEqual(["1", "2"]);
    expect(await told(at("a", second))).toEqual(["3"]);
    expect(reads).toEqual([2, 1]);
  });

  test("what is at hand is given even if another run takes its place while the others are read", async () => {
    await run("a", "1", "2");
    await run("a", "3");
    await run("b", "4");
    await told(at("a", 1));
    held = [];
    const both = told(at("a", 2), at("b", 1));
    await settled();
    const other = told(at("a", second));
    await settled();
    expect(held).toHaveLength(2);
    for (const go of held.reverse()) go();
    expect(await other).toEqual(["3"]);
    expect(await both).toEqual(["2", "4"]);
  });

  test("of a state that took the place of another are read again", async () => {
    await run("a", "1");
    await told(at("a", 1));
    await story.restart();
    expect(await told(at("a", 1))).toEqual(["1"]);
    expect(reads).toEqual([1, 1]);
  });

  test("that cannot be understood are told, read just now or before (F2)", async () => {
    await run("a", "1", "2");
    cut = 3;
    expect(await told(at("a", 1))).toEqual(["1"]);
    expect(failures).toEqual([]);
    await expect(told(at("a", runLength))).rejects.toThrow("in the middle of a value");
    expect(reads).toEqual([1]);
    await run("b", "3");
    await expect(told(at("b", runLength))).rejects.toThrow("in the middle of a value");
    expect(failures).toHaveLength(2);
  });

  test("one that is settled is not there", async () => {
    await run("a", "1", "2");
    await told(at("a", 1));
    await story.call({ kind: "purge", queue: "q", lane: undefined, dryRun: false });
    expect(await told(at("a", 1), at("a", 2))).toEqual([undefined, undefined]);
  });
});

describe("messages of a bundle", () => {
  test("are read once, in whatever order they are asked for", async () => {
    await bundle("a", "b", "c");
    expect(await told(at("b", 1))).toEqual(["b"]);
    expect(await told(at("c", 1), at("a", 1), at("b", 1))).toEqual(["c", "a", "b"]);
    expect(reads).toEqual([1]);
  });

  test("of two bundles are at hand, also of the same key", async () => {
    await bundle("a", "b");
    await bundle("a", "c");
    expect(await told(at("a", 1), at("a", 2), at("b", 1))).toEqual(["a", "a", "b"]);
    expect(await told(at("c", 1), at("a", 1), at("a", 2))).toEqual(["c", "a", "a"]);
    expect(reads).toEqual([2]);
  });

  test("of a state that took the place of another are read again", async () => {
    await bundle("a", "b");
    await told(at("a", 1));
    await story.restart();
    expect(await told(at("b", 1))).toEqual(["b"]);
    expect(reads).toEqual([1, 1]);
  });

  test("that cannot be understood are told (F2)", async () => {
    await bundle("a", "b");
    cut = 1;
    await expect(told(at("a", 1))).rejects.toThrow("in the middle of a value");
    expect(failures).toHaveLength(1);
  });
});

import { describe, expect, test } from "vitest";
import { Loader, Machine, metaRow, StoredAt } from "../../queue/index.ts";
import { message, nobody, only, payloadOf, Replica, Story } from "./harness.ts";

const isMessage = (key: string): boolean => /^[\x40\x45]/.test(key);

describe("R4, F6: rows go out in one batch with the applied index", () => {
  test("W3: a message settled before a batch took it never reaches the store", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    await story.ack(only(story.grants));
    const writes = story.machine.takeWrites();
    expect(writes.filter((write) => write.kind !== "delete-range" && isMessage(write.key))).toEqual(
      [],
    );
    expect(writes.at(-1)).toMatchObject({ kind: "put", key: metaRow });
  });

  test("one settled after a batch took it is deleted by the next", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    await story.replica.store.write(story.machine.takeWrites());
    await story.ack(grant);
    expect(story.machine.message(grant)).toBeUndefined();
    story.machine.writesStored();
    expect(story.machine.message(grant)).toBeUndefined();
    await story.replica.flush();
    expect((await story.replica.image()).filter((row) => isMessage(row.key))).toEqual([]);
  });

  test("W2: a message is read from here until the store has it; one batch is out at a time", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a", "body");
    const grant = only(story.grants);
    expect(story.machine.message(grant)).toMatchObject({ key: "a" });
    expect(story.machine.writeBehindBytes).toBeGreaterThan(0);
    story.machine.takeWrites();
    expect(story.machine.writing).toBe(true);
    expect(story.machine.message(grant)).toMatchObject({ key: "a" });
    expect(() => story.machine.takeWrites()).toThrow("W2");
    story.machine.writesStored();
    expect(story.machine.message(grant)).toBeInstanceOf(StoredAt);
    expect(story.machine.writeBehindBytes).toBe(0);
    expect(() => story.machine.writesStored()).toThrow("W2");
  });

  test("M5: never in the middle of an entry", () => {
    const machine = Machine.empty();
    machine.begin({ index: 1, time: 1 });
    expect(() => machine.takeWrites()).toThrow("M5");
    expect(() => machine.begin({ index: 2, time: 1 })).toThrow();
    expect(() => machine.skip(2)).toThrow();
    machine.end();
    expect(() => machine.begin({ index: 1, time: 1 })).toThrow("twice");
    machine.skip(7);
    expect(machine.appliedIndex).toBe(7);
    expect(() => machine.skip(7)).toThrow("twice");
  });

  test("what did not change is not written again", async () => {
    const story = new Story();
    await story.queue("q");
    await story.put("q", "a");
    await story.replica.flush();
    expect(story.machine.takeWrites()).toHaveLength(1);
  });

  test("content handed out stays as it was", async () => {
    const story = new Story();
    await story.queue("q");
    await story.put("q", "a", "first");
    const writes = story.machine.takeWrites();
    const copy = writes.map((write) => (write.kind === "put" ? write.value.slice() : undefined));
    story.machine.writesStored();
    for (let i = 0; i < 500; i++) await story.put("q", "a", "later");
    story.machine.takeWrites();
    expect(writes.map((write) => (write.kind === "put" ? write.value : undefined))).toEqual(copy);
  });
});

describe("W1: rows read for apply", () => {
  test("one that apply needs and nobody provided stops the node", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    await story.ack(only(story.grants));
    await story.restart({ lanesResidentMax: 0 });
    const { machine } = story;
    const command = { kind: "enqueue", queue: "q", message: message("a") } as const;
    expect(machine.missing(nobody, command)).toHaveLength(1);
    machine.begin({ index: 99, time: 1 });
    expect(() => machine.apply(nobody, command)).toThrow("not provided");
  });

  test("W4: what was provided is for one entry", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    await story.ack(only(story.grants));
    await story.restart({ lanesResidentMax: 0 });
    const { machine } = story;
    const command = { kind: "enqueue", queue: "q", message: message("a") } as const;
    const row = only(machine.missing(nobody, command));
    expect(machine.hint([{ origin: nobody, command }])).toEqual([row]);
    machine.provide(row, undefined);
    expect(machine.missing(nobody, command)).toEqual([]);
    await story.pass(1);
    expect(machine.missing(nobody, command)).toEqual([row]);
  });

  test("L6: key_seq goes on where it was, however long the key was idle", async () => {
    const story = new Story(Replica.empty({ lanesResidentMax: 0 }));
    await story.queue("q");
    await story.session("q");
    for (let keySeq = 1; keySeq <= 3; keySeq++) {
      expect(await story.put("q", "a")).toMatchObject({ message: { keySeq } });
      await story.ack(only(story.grants));
      await story.replica.flush();
      expect(story.machine.state.queues.get("q")!.lanes.size).toBe(0);
    }
    expect(await story.put("q", "new")).toMatchObject({ message: { keySeq: 1 } });
    expect(story.machine.state.queues.get("q")).toMatchObject({ lanesKnown: 2, lanesEvicted: 1 });
  });

  test("L6: an idle lane that is not stored yet stays in memory", async () => {
    const story = new Story(Replica.empty({ lanesResidentMax: 0 }));
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    const grant = only(story.grants);
    await story.replica.store.write(story.machine.takeWrites());
    await story.ack(grant);
    story.machine.writesStored();
    expect(story.machine.state.queues.get("q")!.lanes.size).toBe(1);
    await story.replica.flush();
    expect(story.machine.state.queues.get("q")!.lanes.size).toBe(0);
  });
});

describe("W6: loading", () => {
  test("an empty store is an empty machine", async () => {
    const machine = new Loader().finish();
    expect(machine.appliedIndex).toBe(0);
    expect(machine.digest).toBe(Machine.empty().digest);
    const replica = await Replica.empty().restored();
    await replica.apply(payloadOf([[nobody, { kind: "tick" }]], 1), 1);
  });

  test("G5: rows of another format or family stop the node, and so do rows out of order", () => {
    expect(() => new Loader().row(metaRow, new Uint8Array([0, 4]))).toThrow("format 4");
    expect(() => new Loader().row("\x20", new Uint8Array(0))).toThrow("unknown family");
    const loader = new Loader();
    loader.row(metaRow, metaOf(Machine.empty()));
    expect(() => loader.row(metaRow, metaOf(Machine.empty()))).toThrow("out of order");
  });
});

function metaOf(machine: Machine): Uint8Array {
  const last = machine.takeWrites().at(-1);
  if (last?.kind !== "put") throw new Error("no meta row");
  return last.value;
}

test("a follower that gathers no grants decides the same", async () => {
  const story = new Story();
  story.machine.collectGrants = false;
  await story.queue("q");
  const session = await story.session("q");
  await story.put("q", "a");
  expect(story.grants).toEqual([]);
  expect(story.machine.liveGrants(session)).toHaveLength(1);
});

// What happened to a message: written down as it happens, kept for a while (HR1, HR2).

import { describe, expect, test } from "vitest";
import { decodeHistoryEvent, type HistoryEvent, type QueueOptions } from "../../queue/index.ts";
import { bytes, only, Story } from "./harness.ts";

const keeps = { historyMs: 10_000 };

/** As a reader would: what the store has, and what is on its way there. */
async function history(story: Story, keySeq = 1, queue = "q", lane = "a"): Promise<HistoryEvent[]> {
  const ref = { queue, lane, keySeq };
  const range = story.machine.historyRange(ref);
  if (range === undefined) return [];
  const rows = new Map<string, Uint8Array>();
  for await (const some of story.replica.store.range(range.from, range.to)) {
    for (const { key, value } of some) rows.set(key, value);
  }
  for (const { key, value } of story.machine.pendingHistory(ref)) rows.set(key, value);
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([key, value]) => decodeHistoryEvent(key, value));
}

async function kinds(story: Story, keySeq = 1, queue = "q"): Promise<string[]> {
  return (await history(story, keySeq, queue)).map((event) => event.kind);
}

async function leased(options: Partial<QueueOptions> = {}): Promise<Story> {
  const story = new Story();
  await story.queue("q", { ...keeps, ...options });
  await story.session("q");
  await story.put("q", "a");
  return story;
}

async function rowsOfHistories(story: Story): Promise<number> {
  await story.replica.flush();
  const image = await story.replica.image();
  return image.filter(({ key }) => key.startsWith("\x43") || key.startsWith("\x41")).length;
}

describe("the history of a message", () => {
  test("HR1: says who had it, when, and how that ended; also within one entry", async () => {
    const story = await leased();
    const index = story.index;
    const grant = only(story.grants);
    expect(await history(story)).toEqual([
      {
        ...{ kind: "enqueued", logIndex: index, time: story.time, token: 0, session: 0 },
        ...{ sessionName: "", consumer: 0, error: "" },
      },
      {
        ...{ kind: "delivered", logIndex: index, time: story.time, token: grant.token },
        ...{ session: grant.session, sessionName: "client", consumer: 1, error: "" },
      },
    ]);
    await story.replica.flush();
    await story.nack(grant, 0);
    const again = only(story.grants);
    await story.restart();
    await story.settle(again, { kind: "release" });
    await story.ack(only(story.grants));
    const events = await history(story);
    expect(events.map((event) => event.kind)).toEqual([
      ...["enqueued", "delivered", "nacked", "delivered", "released", "delivered", "acked"],
    ]);
    expect(events[2]).toMatchObject({ token: grant.token, session: grant.session, error: "no" });
  });

  test("leases that end by themselves", async () => {
    const story = await leased({ leaseMs: 1000 });
    await story.pass(1100);
    const { session } = only(story.grants);
    await story.in(session, { kind: "close-session" });
    expect(await kinds(story)).toEqual([
      ...["enqueued", "delivered", "lease-expired", "delivered", "session-ended"],
    ]);
  });

  test("a message that failed for good, and what became of it", async () => {
    const story = await leased({ maxAttempts: 1 });
    const resolve = async (resolution: Parameters<typeof parkedBy>[0]): Promise<void> => {
      await story.call(parkedBy(resolution));
    };
    await story.settle(only(story.grants), { kind: "reject", error: "bad" });
    await resolve({ kind: "retry" });
    await story.nack(only(story.grants));
    await resolve({ kind: "replace", content: bytes("y") });
    await story.nack(only(story.grants));
    await resolve({ kind: "skip", error: "why" });
    const events = await history(story);
    expect(events.map((event) => event.kind)).toEqual([
      ...["enqueued", "delivered", "rejected", "parked", "retried"],
      ...["delivered", "nacked", "parked", "replaced", "delivered", "nacked", "parked", "skipped"],
    ]);
    expect(events[3]).toMatchObject({ error: "bad", token: 0 });
    expect(events.at(-1)).toMatchObject({ error: "why" });
  });

  test("dead-lettered, redriven, discarded, cancelled", async () => {
    const dead = { onExhausted: "dead-letter", deadLetterQueue: "dead", maxAttempts: 1 } as const;
    const story = new Story();
    await story.queue("dead", keeps);
    await story.queue("q", { ...keeps, ...dead });
    await story.session("q");
    await story.put("q", "a");
    await story.nack(only(story.grants));
    const letters = [{ lane: "a", keySeq: 1 }];
    await story.call({ kind: "redrive", queue: "dead", letters, force: false, dryRun: false });
    const back = only(story.grants);
    await story.call({
      kind: "update-queue",
      ...{ name: "q", revision: 0, changes: { onExhausted: "discard" } },
    });
    await story.put("q", "a");
    await story.call({ kind: "cancel", message: { queue: "q", lane: "a", keySeq: 2 } });
    await story.nack(back);
    expect(await kinds(story)).toEqual([
      ...["enqueued", "delivered", "nacked", "dead-lettered"],
      ...["redriven", "delivered", "nacked", "discarded"],
    ]);
    expect(await kinds(story, 1, "dead")).toEqual(["enqueued", "redriven"]);
    expect(await kinds(story, 2)).toEqual(["enqueued", "cancelled"]);
  });

  test("expired", async () => {
    const story = await leased({ messageTtlMs: 1000, onExpiry: "discard" });
    await story.put("q", "a");
    await story.pass(2000);
    expect(await kinds(story, 2)).toEqual(["enqueued", "expired"]);
    await story.settle(story.machine.liveGrants(1)[0]!, { kind: "release" });
    expect(await kinds(story)).toEqual(["enqueued", "delivered", "released", "expired"]);
  });

  test("HR2: stays for its time after the message is settled, and no longer", async () => {
    const story = await leased();
    await story.ack(only(story.grants));
    await story.pass(9000);
    await story.restart();
    expect(await kinds(story)).toEqual(["enqueued", "delivered", "acked"]);
    await story.pass(2000);
    expect(await rowsOfHistories(story)).toBe(0);
  });

  test.each([10_000, 8000])(
    "HR2: of a message that comes back; kept for %d ms by then",
    async (now) => {
      const dead = { onExhausted: "dead-letter", deadLetterQueue: "dead", maxAttempts: 1 } as const;
      const story = new Story();
      await story.queue("dead");
      await story.queue("q", { ...keeps, ...dead });
      const session = await story.session("q");
      await story.put("q", "a");
      await story.nack(only(story.grants));
      await story.pass(5000);
      await story.restart();
      const changes = { historyMs: now };
      await story.call({ kind: "update-queue", name: "q", revision: 0, changes });
      await story.call({
        ...{ kind: "redrive", queue: "dead", letters: [{ lane: "a", keySeq: 1 }] },
        ...{ force: false, dryRun: false },
      });
      await story.pass(9000);
      await story.replica.flush();
      const seen = ["enqueued", "delivered", "nacked", "dead-lettered", "redriven", "delivered"];
      expect(await kinds(story)).toEqual(seen);
      await story.ack(story.machine.liveGrants(session)[0]!);
      await story.pass(7000);
      expect(await kinds(story)).toEqual([...seen, "acked"]);
      await story.pass(4000);
      expect(await rowsOfHistories(story)).toBe(0);
    },
  );

  test("HR2: of a message that came back it stays for its time after the second end", async () => {
    const dead = { onExhausted: "dead-letter", deadLetterQueue: "dead", maxAttempts: 1 } as const;
    const story = new Story();
    await story.queue("dead");
    await story.queue("q", { ...keeps, ...dead });
    await story.session("q");
    await story.put("q", "a");
    await story.nack(only(story.grants));
    await story.pass(5000);
    const letters = [{ lane: "a", keySeq: 1 }];
    await story.call({ kind: "redrive", queue: "dead", letters, force: false, dryRun: false });
    await story.ack(only(story.grants));
    await story.pass(9000);
    await story.replica.flush();
    expect(await kinds(story)).toContain("acked");
    await story.pass(2000);
    expect(await rowsOfHistories(story)).toBe(0);
  });

  test("HR2: what was not stored yet when its time was over never is", async () => {
    const story = await leased({ historyMs: 1 });
    await story.ack(only(story.grants));
    await story.pass(2);
    expect(await kinds(story)).toEqual([]);
    expect(await rowsOfHistories(story)).toBe(0);
  });

  test("a queue that keeps none writes none; one that stops forgets", async () => {
    const story = new Story();
    await story.queue("q", keeps);
    await story.queue("none");
    await story.put("none", "a");
    expect(await kinds(story, 1, "none")).toEqual([]);
    for (const often of [false, true]) {
      await story.put("q", "a");
      if (often) await story.replica.flush();
    }
    await story.call({
      kind: "update-queue",
      ...{ name: "q", revision: 0, changes: { historyMs: 0 } },
    });
    expect(await rowsOfHistories(story)).toBe(0);
    expect(await kinds(story, 1, "nowhere")).toEqual([]);
    expect(await kinds(story, 2 ** 50)).toEqual([]);
  });

  test("goes with its queue, and with what is purged; of what is leased it stays", async () => {
    const story = await leased();
    for (let n = 0; n < 3; n++) await story.put("q", "a");
    await story.put("q", "b");
    await story.replica.flush();
    await story.put("q", "c");
    await story.call({ kind: "purge", queue: "q", lane: undefined, dryRun: false });
    expect(await kinds(story, 1)).toEqual(["enqueued", "delivered"]);
    await story.restart();
    expect(await kinds(story, 1)).toEqual(["enqueued", "delivered"]);
    expect(await kinds(story, 2)).toEqual([]);
    await story.call({ kind: "delete-queue", name: "q", revision: 0, ifEmpty: false });
    await story.pass(20_000);
    expect(await rowsOfHistories(story)).toBe(0);
  });

  test("is the same on a replica that takes at other moments", async () => {
    const ends = await Promise.all(
      [false, true].map(async (often) => {
        const story = await leased({ historyMs: 2000 });
        if (often) await story.restart();
        await story.nack(only(story.grants), 0);
        if (often) await story.replica.flush();
        await story.ack(only(story.grants));
        await story.put("q", "a");
        if (often) await story.restart();
        await story.pass(2500);
        await story.replica.flush();
        return { digest: story.machine.digest, state: await story.replica.stored() };
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
  });
});

function parkedBy(
  resolution: Extract<Parameters<Story["call"]>[0], { kind: "resolve-parked" }>["resolution"],
): Parameters<Story["call"]>[0] {
  return { kind: "resolve-parked", message: { queue: "q", lane: "a", keySeq: 0 }, resolution };
}

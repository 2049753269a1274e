// Producing: dedup_id, expect_key_seq, quotas of a key, batches per item (O1).

import { describe, expect, test } from "vitest";
import { ByteReader } from "../../queue/byte-reader.ts";
import { defaultOptions, standardRules, type Command, type NewMessage } from "../../queue/index.ts";
import { extraMessage, message, nobody, places, Replica, Story } from "./harness.ts";

const tight = { lanesResidentMax: 0, agendaRowsMax: 1 };

function batch(messages: readonly NewMessage[], perItem = false): Command {
  return { kind: "enqueue-batch", queue: "q", messages, ...(perItem ? { perItem } : {}) };
}

describe("dedup_id", () => {
  test("the second one is a success with the first one's numbers, also after a restart", async () => {
    const story = new Story();
    await story.queue("q", { dedupWindowMs: 10_000 });
    const first = await story.putWith("q", "a", { dedupId: "1" });
    expect(first).toEqual({
      kind: "enqueued",
      message: { queueId: 1, lane: "a", seq: 1, keySeq: 1 },
    });
    for (const restart of [false, true]) {
      if (restart) await story.restart();
      expect(await story.putWith("q", "a", { dedupId: "1" })).toEqual({
        kind: "enqueued",
        message: { queueId: 1, lane: "a", seq: 1, keySeq: 1, deduplicated: true },
      });
    }
    expect(story.machine.queueInfo("q")).toMatchObject({ ready: 1, deduplicated: 2 });
  });

  test("asking again is no mistake because the message's time has passed since", async () => {
    const story = new Story();
    await story.queue("q", { dedupWindowMs: 10_000, onExpiry: "discard" });
    const extras = { dedupId: "1", expiresAt: story.time + 500 };
    await story.putWith("q", "a", extras);
    await story.pass(1000);
    const again = await story.putWith("q", "a", extras);
    expect(again).toMatchObject({ kind: "enqueued", message: { keySeq: 1, deduplicated: true } });
  });

  test("with another key or content: IDEMPOTENCY_CONFLICT", async () => {
    const story = new Story();
    await story.queue("q", { dedupWindowMs: 10_000 });
    await story.putWith("q", "a", { dedupId: "1" });
    for (const other of [
      extraMessage("b", { dedupId: "1" }),
      extraMessage("a", { dedupId: "1" }, "y"),
    ]) {
      expect(await story.refusal({ kind: "enqueue", queue: "q", message: other })).toMatchObject({
        reason: "IDEMPOTENCY_CONFLICT",
        field: "dedup_id",
      });
    }
  });

  test("is forgotten after its window, which a repetition does not extend; its row goes", async () => {
    const story = new Story(Replica.empty(tight));
    await story.queue("q", { dedupWindowMs: 5000 });
    await story.putWith("q", "a", { dedupId: "1" });
    await story.pass(3000);
    await story.putWith("q", "a", { dedupId: "1" });
    await story.restart(tight);
    await story.pass(2000);
    await story.replica.flush();
    const rows = await story.replica.image();
    expect(rows.filter(({ key }) => /^[\x41\x42\x46]/.test(key))).toEqual([]);
    expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject({ message: { seq: 2 } });
  });

  test("P9: a clock that jumps an hour ahead ends no window", async () => {
    const story = new Story(Replica.empty(tight));
    await story.queue("q", { dedupWindowMs: 5000 });
    await story.putWith("q", "a", { dedupId: "1" });
    await story.pass(3_600_000, 3_600_000);
    await story.restart(tight);
    const again = { message: { seq: 1, deduplicated: true } };
    expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject(again);
    // Two seconds of it counted (M4).
    await story.pass(2500, 500);
    expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject(again);
    await story.pass(500);
    expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject({ message: { seq: 2 } });
  });

  describe("a window that began before version 3 of the rules", () => {
    const before = async (): Promise<Story> => {
      const story = new Story(Replica.empty(tight, standardRules, 2));
      await story.queue("q", { dedupWindowMs: 5000 });
      await story.putWith("q", "a", { dedupId: "1" });
      return story;
    };
    const again = { message: { seq: 1, deduplicated: true } };

    test("goes on by cluster time, also after the raise; the next one goes by the lease clock", async () => {
      const story = await before();
      await story.entry([[nobody, { kind: "raise-version", version: 3 }]]);
      await story.pass(4000, 4000);
      await story.restart(tight);
      expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject(again);
      // All of the jump counts, where the lease clock has two seconds at most (M4).
      await story.pass(1000, 1000);
      await story.replica.flush();
      const rows = await story.replica.image();
      expect(rows.filter(({ key }) => /^[\x41\x42\x46]/.test(key))).toEqual([]);
      expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject({
        message: { seq: 2 },
      });
      await story.pass(3_600_000, 3_600_000);
      expect(await story.putWith("q", "a", { dedupId: "1" })).toMatchObject({
        message: { seq: 2, deduplicated: true },
      });
    });

    test("has the row that those releases wrote, and leaves it to a member that has not been upgraded", async () => {
      const story = await before();
      await story.replica.flush();
      const rows = await story.replica.image();
      const row = rows.find(({ key }) => key.startsWith("\x42"));
      const name = rows.find(({ key }) => key.startsWith("\x41"));
      // The end of the window, 64 bits of the message, its lane, seq and key_seq: nothing after them.
      const expires = story.time + 5000;
      const reader = new ByteReader(row!.value);
      expect([reader.int(), reader.u32() + reader.u32() > 0]).toEqual([expires, true]);
      expect([reader.byteString(), reader.int(), reader.int(), reader.done]).toEqual([
        "a",
        1,
        1,
        true,
      ]);
      expect(name).toBeDefined();
    });

    test("and is over, but not yet forgotten at the raise: the next one is not forgotten in its place", async () => {
      const rules = { ...standardRules, dueRowsPerEntryMax: 1 };
      const story = new Story(Replica.empty(tight, rules, 2));
      await story.queue("q", { dedupWindowMs: 5000 });
      for (const dedupId of ["1", "2", "3"]) await story.putWith("q", "a", { dedupId });
      await story.pass(4000);
      const three = extraMessage("a", { dedupId: "3" });
      const put = { kind: "enqueue", queue: "q", message: three } as const;
      const raise = { kind: "raise-version", version: 3 } as const;
      const late = await story.entry(
        [
          [nobody, raise],
          [nobody, put],
        ],
        2000,
      );
      expect(late[1]?.reply).toMatchObject({ message: { seq: 4 } });
      await story.pass(1000, 100);
      expect(await story.putWith("q", "a", { dedupId: "3" })).toMatchObject({
        message: { seq: 4, deduplicated: true },
      });
      await story.pass(4000);
      await story.replica.flush();
      const rows = await story.replica.image();
      expect(rows.filter(({ key }) => /^[\x41\x42\x46]/.test(key))).toEqual([]);
    });
  });

  test("one that was late to be forgotten does not take the next one with it", async () => {
    const rules = { ...standardRules, dueRowsPerEntryMax: 1 };
    const story = new Story(Replica.empty(tight, rules));
    await story.queue("q", { dedupWindowMs: 5000 });
    for (const dedupId of ["1", "2", "3"]) await story.putWith("q", "a", { dedupId });
    await story.pass(4000);
    // At the first entry after the window only one of the three is forgotten.
    const late = await story.entry(
      [[nobody, { kind: "enqueue", queue: "q", message: extraMessage("a", { dedupId: "3" }) }]],
      2000,
    );
    expect(late[0]?.reply).toMatchObject({ message: { seq: 4 } });
    await story.pass(1000, 100);
    expect(await story.putWith("q", "a", { dedupId: "3" })).toMatchObject({
      message: { seq: 4, deduplicated: true },
    });
  });

  test("within one batch; a conflict there refuses the batch", async () => {
    const story = new Story();
    await story.queue("q", { dedupWindowMs: 5000 });
    const one = extraMessage("a", { dedupId: "1" });
    expect(await story.call(batch([one, message("b"), one]))).toMatchObject({
      messages: [{ seq: 1 }, { seq: 2 }, { seq: 1, deduplicated: true }],
    });
    const pair = [
      extraMessage("a", { dedupId: "2" }, "x"),
      extraMessage("a", { dedupId: "2" }, "y"),
    ];
    expect(await story.refusal(batch(pair))).toMatchObject({ reason: "IDEMPOTENCY_CONFLICT" });
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 2 });
  });

  test("needs a window", async () => {
    const story = new Story();
    await story.queue("q");
    const command: Command = {
      kind: "enqueue",
      queue: "q",
      message: extraMessage("a", { dedupId: "1" }),
    };
    expect(await story.refusal(command)).toMatchObject({ reason: "MALFORMED", field: "dedup_id" });
  });
});

describe("expect_key_seq", () => {
  test("is stored only as that one; the refusal says which it would have been", async () => {
    const story = new Story();
    await story.queue("q");
    expect(await story.putWith("q", "a", { expectKeySeq: 1 })).toMatchObject({ kind: "enqueued" });
    const again: Command = {
      kind: "enqueue",
      queue: "q",
      message: extraMessage("a", { expectKeySeq: 1 }),
    };
    expect(await story.refusal(again)).toMatchObject({
      reason: "KEY_SEQ_MISMATCH",
      field: "expect_key_seq",
      currentKeySeq: 2,
    });
  });

  test("a batch counts its own", async () => {
    const story = new Story();
    await story.queue("q");
    const [two, three] = [2, 3].map((expectKeySeq) => extraMessage("a", { expectKeySeq }));
    expect(await story.call(batch([message("a"), two!, three!]))).toMatchObject({
      messages: [{ keySeq: 1 }, { keySeq: 2 }, { keySeq: 3 }],
    });
    expect(await story.refusal(batch([message("a"), two!]))).toMatchObject({
      reason: "KEY_SEQ_MISMATCH",
      currentKeySeq: 5,
    });
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 3 });
  });

  test("without order it is the number as it is given outside", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none" });
    const asked = (expectKeySeq: number): Command => {
      const message = extraMessage("", { priority: 9, expectKeySeq });
      return { kind: "enqueue", queue: "q", message };
    };
    const { currentKeySeq } = await story.refusal(asked(1));
    expect(currentKeySeq).toBe(9 * 2 ** 48 + 1);
    expect(await story.call(asked(currentKeySeq!))).toMatchObject({ kind: "enqueued" });
  });

  test("of a lane that is not in memory", async () => {
    const story = new Story(Replica.empty(tight));
    await story.queue("q");
    await story.session("q");
    await story.put("q", "a");
    await story.ack(story.grants[0]!);
    await story.restart(tight);
    expect(await story.putWith("q", "a", { expectKeySeq: 2 })).toMatchObject({ kind: "enqueued" });
  });
});

describe("quotas of a key", () => {
  test("messages and bytes, other keys go on, settling makes room", async () => {
    const story = new Story();
    await story.queue("q", { maxMessagesPerKey: 2, maxBytesPerKey: 10 });
    const put = (key: string, body: string): Command => {
      return { kind: "enqueue", queue: "q", message: message(key, body) };
    };
    await story.call(put("a", "1234567"));
    const full = { reason: "QUEUE_FULL", field: "key", retryAfterMs: 1000 };
    expect(await story.refusal(put("a", "1234"))).toMatchObject(full);
    await story.call(put("a", "123"));
    expect(await story.refusal(put("a", ""))).toMatchObject(full);
    await story.call(put("b", "1234567"));
    await story.session("q");
    await story.ack(story.grants.find(({ lane }) => lane === "a")!);
    expect(await story.call(put("a", ""))).toMatchObject({ kind: "enqueued" });
  });

  test("a batch counts its own", async () => {
    const story = new Story();
    await story.queue("q", { maxMessagesPerKey: 2 });
    const three = [message("a"), message("b"), message("a"), message("a")];
    expect(await story.refusal(batch(three))).toMatchObject({ field: "messages[3].key" });
    expect(await story.call(batch(three.slice(1)))).toMatchObject({ kind: "batch-enqueued" });
  });

  test("need ordering KEY", async () => {
    const story = new Story();
    const options = { ...defaultOptions("total"), maxBytesPerKey: 1 };
    expect(await story.refusal({ kind: "create-queue", name: "q", options })).toMatchObject({
      reason: "MALFORMED",
      field: "max_bytes_per_key",
    });
  });
});

describe("a batch per item", () => {
  test("each for itself, in order", async () => {
    const story = new Story();
    await story.queue("q", { maxMessagesPerKey: 1, maxMessageBytes: 3 });
    const items = [message("a"), message(""), message("a"), message("b", "1234"), message("b")];
    const reply = await story.call(batch(items, true));
    if (reply.kind !== "items-enqueued") throw new Error(reply.kind);
    expect(reply.items.map((item) => ("reason" in item ? item.reason : item.seq))).toEqual([
      ...[1, "KEY_REQUIRED", "QUEUE_FULL", "TOO_LARGE", 2],
    ]);
  });

  test("its answer is remembered, and survives a restart", async () => {
    const story = new Story();
    await story.queue("q", { dedupWindowMs: 1000 });
    const session = await story.session();
    const origin = story.next(session);
    const command = batch([extraMessage("a", { expectKeySeq: 7 }), message("a")], true);
    const reply = await story.call(command, origin);
    await story.restart();
    expect(await story.call(command, origin)).toEqual(reply);
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 1 });
  });

  test("to a queue that is not there", async () => {
    const story = new Story();
    expect(await story.refusal(batch([message("a")], true))).toMatchObject({
      reason: "QUEUE_NOT_FOUND",
    });
  });
});

describe("priority", () => {
  test("the highest first, then as enqueued; key_seqs outside tell the sub-lanes apart", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none" });
    for (const priority of [0, 9, 0, 5, 9]) await story.putWith("q", "", { priority });
    await story.restart();
    await story.session("q", 10);
    const [first] = story.grants;
    const nine = 9 * 2 ** 48;
    expect(places(story.grants)).toEqual([
      ...[`/${nine + 1}`, `/${nine + 2}`, `/${5 * 2 ** 48 + 1}`, "/1", "/2"],
    ]);
    await story.restart();
    await story.nack(first!, 0);
    expect(places(story.grants)).toEqual([`/${nine + 1}`]);
    expect(await story.ack(story.grants[0]!)).toEqual({ kind: "settled", already: false });
    await story.restart();
    expect(story.machine.queueInfo("q")).toMatchObject({ leased: 4, acked: 1, activeKeys: 1 });
  });

  test("where there is an order it is refused: it would overtake", async () => {
    const story = new Story();
    await story.queue("q");
    const command: Command = {
      kind: "enqueue",
      queue: "q",
      message: extraMessage("a", { priority: 1 }),
    };
    expect(await story.refusal(command)).toMatchObject({ reason: "MALFORMED", field: "priority" });
  });
});

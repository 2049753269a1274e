import { describe, expect, test } from "vitest";
import { confirm } from "../../cli/confirm.ts";
import { UsageError } from "../../cli/failure.ts";
import {
  historyTable,
  keyTable,
  messageJson,
  messageLine,
  messageSheet,
} from "../../cli/message-view.ts";
import { checkEnqueue, producerOptions } from "../../cli/messages.ts";
import { buildProgram } from "../../cli/program.ts";
import { parkedAction, redriven } from "../../cli/queue-deciding.ts";
import { queueOptions } from "../../cli/queue-options.ts";
import { startOf, topicOptions, topicSheet, topicTable } from "../../cli/topic.ts";
import { bytesCodec, type TopicInfo } from "../../client/index.ts";
import { MessageInfo } from "../../client/looking.ts";
import { Format } from "../../client/schema.ts";
import { saidBy } from "./said.ts";

describe("flags", () => {
  test("every option of a queue has one", () => {
    expect(
      queueOptions({
        messageTtlMs: "60000",
        onExpiry: "discard",
        dedupWindowMs: "1000",
        orderedDelay: "block-key",
        maxMessagesPerKey: "5",
        maxBytesPerKey: "6",
        historyMs: "7",
      }),
    ).toEqual({
      messageTtlMs: 60_000,
      onExpiry: "DISCARD",
      dedupWindowMs: 1_000,
      orderedDelay: "BLOCK_KEY",
      maxMessagesPerKey: 5,
      maxBytesPerKey: 6,
      historyMs: 7,
    });
  });

  test.each([
    [{ onExpiry: "park" }, "--on-expiry: is park; expected one of refuse, dead-letter, discard"],
    [{ orderedDelay: "x" }, "--ordered-delay: is x; expected one of reject, block-key"],
    [{ historyMs: "-1" }, "--history-ms: is -1; expected a whole number from 0 to 2592000000"],
    [{ dedupWindowMs: "604800001" }, /^--dedup-window-ms: is 604800001; /],
  ] as const)("%j is refused by name", (flags, message) => {
    expect(() => queueOptions(flags)).toThrow(message);
  });

  test("what a message asks for", () => {
    expect(producerOptions({ dedupId: "d", priority: "9", delayMs: "0" })).toMatchObject({
      dedupId: "d",
      priority: 9,
      delayMs: 0,
    });
    expect(() => producerOptions({ priority: "10" })).toThrow("--priority: is 10");
    expect(() => producerOptions({ expectKeySeq: "0" })).toThrow("--expect-key-seq: is 0");
    expect(() => checkEnqueue(undefined, { lines: true, dedupId: "d" })).toThrow("--lines");
  });

  test("exactly one decision about a parked message", () => {
    expect(parkedAction({ retry: true })).toBe("retry");
    expect(parkedAction({ retry: false, skip: true })).toBe("skip");
    expect(parkedAction({ retry: false, skip: "why" })).toEqual({ skip: "why" });
    expect(parkedAction({ retry: false, replace: "{}" })).toEqual({ replace: Buffer.from("{}") });
    expect(() => parkedAction({ retry: false })).toThrow("exactly one");
    expect(() => parkedAction({ retry: true, skip: true })).toThrow("exactly one");
  });

  test("where a subscription starts", () => {
    expect([startOf("now"), startOf("earliest"), startOf("17")]).toEqual([
      "now",
      "earliest",
      { sequence: 17 },
    ]);
    expect(startOf("2024-05-01T12:00:00Z")).toEqual({ time: new Date("2024-05-01T12:00:00Z") });
    expect(() => startOf("0")).toThrow("--start: is 0");
    expect(() => startOf("soon")).toThrow("--start: is soon; expected now, earliest");
  });

  test("a topic's options", () => {
    expect(topicOptions({})).toEqual({});
    expect(topicOptions({ retentionMs: "5", label: ["a=b"] })).toEqual({
      retentionMs: 5,
      labels: { a: "b" },
    });
    expect(() => topicOptions({ retentionBytes: "x" })).toThrow("--retention-bytes: is x");
  });
});

describe("before anything is sent", () => {
  test("resolve without a decision is a wrong command line", async () => {
    const { code, err } = await saidBy("queue", "resolve", "q", "k");
    expect([code, err]).toEqual([2, "raftq: give exactly one of --retry, --skip, --replace\n"]);
  });

  test("what is gone for good is asked about; without a terminal, --yes is asked for", async () => {
    const question = { question: "Delete orders?", unattended: "add --yes", word: "orders" };
    await expect(confirm(question)).rejects.toThrow(new UsageError("add --yes"));
  });
});

const format = new Format<Uint8Array>(bytesCodec, undefined);
const message = new MessageInfo(
  {
    queue: "orders",
    key: "a\u001b",
    keySeq: 4,
    seq: 9,
    messageId: "1/a/4",
    state: "PARKED",
    attempts: 5,
    deliveries: 6,
    error: "out of\nstock",
    logIndex: 77,
    enqueuedAtMs: 1_000,
    notBeforeMs: 0,
    expiresAtMs: 0,
    priority: 0,
    content: {
      body: Buffer.from('{"n":1}'),
      headers: { kind: "new" },
      contentType: "application/json",
      correlationId: "",
      replyTo: "",
      traceparent: "",
    },
    deadLetter: {
      cause: "EXPIRED",
      attempts: 2,
      error: "",
      queue: "first",
      messageId: "7/a/1",
    },
  },
  format,
);

describe("views", () => {
  test("a message: what somebody else wrote moves no cursor", () => {
    expect(messageLine(message)).toBe('1/a/4  parked  {"n":1}  (out of\\nstock)');
    const text = messageSheet(message);
    expect(text).toContain("a\\x1b");
    expect(text).toContain("5 failed, 6 deliveries");
    expect(text).toContain("1970-01-01T00:00:01.000Z (log index 77)");
    expect(text).toContain("7/a/1 of first: expired after 2 failures");
    expect(messageJson(message)).toMatchObject({ state: "PARKED", body: '{"n":1}' });
  });

  test("keys", () => {
    const [head, row] = keyTable([
      {
        key: "a",
        messages: 1_200,
        bytes: 2_048,
        leased: 1,
        retrying: 0,
        parked: 2,
        delayed: 3,
        paused: true,
        lastKeySeq: 1_300,
        firstKeySeq: 101,
      },
    ]).split("\n");
    expect(head?.split(/\s+/)).toEqual([
      "key",
      "messages",
      "bytes",
      "leased",
      "retrying",
      "parked",
      "delayed",
      "next",
      "last",
    ]);
    expect(row?.split(/\s{2,}/)).toEqual([
      "a (paused)",
      "1,200",
      "2.0 KiB",
      "1",
      "0",
      "2",
      "3",
      "101",
      "1,300",
    ]);
    expect(keyTable([])).toBe("no such keys");
  });

  test("a history, and none", () => {
    const event = {
      kind: "nacked",
      logIndex: 5,
      time: 0,
      fencingToken: 3,
      sessionId: "s",
      sessionName: "worker",
      consumer: 1,
      error: "late",
      durationMs: 450,
    };
    const row = historyTable([{ ...event, time: 1_000 }]).split("\n")[1];
    expect(row).toMatch(/nacked +5 +3 +450 ms +worker +late$/);
    expect(historyTable([])).toContain("--history-ms");
  });

  test("topics", () => {
    const topic: TopicInfo = {
      id: 3,
      name: "orders",
      revision: 2,
      createdAtMs: 0,
      lastSequence: 1_500,
      firstSequence: 1_001,
      bytes: 4_096,
      subscriptions: ["inventory", "payment"],
      options: {
        retentionMs: 3_600_000,
        retentionBytes: 0,
        maxMessageBytes: 1_048_576,
        dedupWindowMs: 0,
        labels: {},
      },
    };
    expect(
      topicTable([topic])
        .split("\n")[1]
        ?.split(/\s{2,}/),
    ).toEqual(["orders", "1,500", "500", "4.0 KiB", "inventory, payment"]);
    expect(topicTable([])).toContain("raftq topic create");
    expect(topicSheet(topic)).toMatch(/retained +500 messages \(4\.0 KiB\)/);
  });

  test("what a redrive did, and could not do", () => {
    expect(redriven({ moved: 1_000, refused: 0, gone: 0 }, false)).toBe("1,000 put back");
    const text = redriven({ moved: 1, refused: 2, gone: 3 }, true);
    expect(text).toContain("1 would be put back");
    expect(text).toContain("2 refused");
    expect(text).toContain("3 left");
  });
});

describe("help", () => {
  test.each([
    [
      "queue",
      ["create", "list", "show", "update", "delete", "peek", "message", "history", "keys"].concat([
        "resolve",
        "redrive",
        "cancel",
        "purge",
        "pause",
        "resume",
      ]),
    ],
    ["topic", ["create", "list", "show", "update", "delete"]],
    ["subscription", ["create", "list", "replay"]],
  ])("raftq %s: every command is described", (name, expected) => {
    const command = buildProgram().commands.find((each) => each.name() === name);
    expect(command?.commands.map((each) => each.name())).toEqual(expected);
    expect(command?.commands.every((each) => each.description() !== "")).toBe(true);
  });
});

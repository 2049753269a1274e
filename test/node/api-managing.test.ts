// Parked messages, dead letters, looking and managing through the unary calls: what each answers.

import { describe, expect, test } from "vitest";
import { Api, bodies, Receiver, type Reply } from "./api.ts";

const quick = { maxAttempts: 1, retry: { initialMs: 1, maxMs: 1 } };

async function parked(api: Api, key: string, error = "broken"): Promise<void> {
  const receiver = await Receiver.of(api);
  const [delivery] = await receiver.receive("q", { keys: [key], maxMessages: 1 });
  await receiver.settle("Reject", delivery, { error });
}

describe("ResolveParked", () => {
  async function started(): Promise<Api> {
    const api = await Api.started();
    await api.queue("dead");
    await api.queue("q", { ...quick, onExhausted: "PARK", deadLetterQueue: "dead" });
    for (const body of ["one", "two"]) await api.enqueue("q", "k", body);
    await parked(api, "k");
    expect(await api.info("q")).toMatchObject({ parked: 1, parkedKeys: 1 });
    return api;
  }

  test("retry: the same message again, before those behind it", async () => {
    const api = await started();
    const reply = await api.call("ResolveParked", { queue: "q", key: "k", retry: {} });
    expect(reply).toMatchObject({ keySeq: 1 });
    const [again] = await (await Receiver.of(api)).receive("q");
    expect(again).toMatchObject({ keySeq: 1, attempts: 0 });
  });

  test("skip: into the dead-letter queue, with the reason", async () => {
    const api = await started();
    const skip = { reason: "not worth it" };
    await api.call("ResolveParked", { queue: "q", key: "k", keySeq: 1, skip });
    expect(await api.info("q")).toMatchObject({ parked: 0, skipped: 1, ready: 1 });
    const [letter] = await (await Receiver.of(api)).receive("dead");
    expect(letter).toMatchObject({
      deadLetter: { cause: "SKIPPED", error: "not worth it", queue: "q", messageId: "2/k/1" },
    });
  });

  test("replace: another content at the same place", async () => {
    const api = await started();
    const replace = { body: Buffer.from("mended"), headers: { h: "1" } };
    await api.call("ResolveParked", { queue: "q", key: "k", replace });
    const got = await (await Receiver.of(api)).receive("q");
    expect(got[0]).toMatchObject({ keySeq: 1, content: { headers: { h: "1" } } });
    expect(bodies(got)).toEqual(["mended"]);
  });
});

describe("Redrive", () => {
  async function started(): Promise<Api> {
    const api = await Api.started();
    await api.queue("dead");
    await api.queue("q", { ...quick, onExhausted: "DEAD_LETTER", deadLetterQueue: "dead" });
    for (const key of ["a", "b", "c"]) {
      await api.enqueue("q", key, key);
      await parked(api, key, key === "b" ? "timeout" : "broken");
    }
    expect(await api.info("dead")).toMatchObject({ ready: 3 });
    return api;
  }

  test("puts letters back to their old places", async () => {
    const api = await started();
    expect(await api.call("Redrive", { queue: "dead", dryRun: true })).toMatchObject({ moved: 3 });
    expect(await api.info("dead")).toMatchObject({ ready: 3 });
    expect(await api.call("Redrive", { queue: "dead" })).toMatchObject({
      ...{ moved: 3, refused: 0, gone: 0, next: "" },
    });
    expect(await api.info("q")).toMatchObject({ ready: 3, redriven: 3 });
    expect(await api.info("dead")).toMatchObject({ ready: 0 });
    const got = await (await Receiver.of(api)).receive("q");
    expect(got.map(({ key, keySeq }) => [key, keySeq])).toEqual([
      ["a", 1],
      ["b", 1],
      ["c", 1],
    ]);
  });

  test("page by page, only those that the filter takes", async () => {
    const api = await started();
    let next = "";
    const moved: unknown[] = [];
    do {
      const request = { queue: "dead", maxMessages: 1, after: next, filter: { error: "time" } };
      const reply = await api.call("Redrive", request);
      moved.push(reply["moved"]);
      next = String(reply["next"]);
    } while (next !== "");
    expect(moved).toEqual([0, 1, 0]);
    for (const filter of [{ key: "z" }, { queue: "dead" }, { cause: "EXPIRED" }])
      expect(await api.call("Redrive", { queue: "dead", filter })).toMatchObject({ moved: 0 });
    const filter = { key: "a", queue: "q", cause: "REJECTED", error: "broken" };
    expect(await api.call("Redrive", { queue: "dead", filter })).toMatchObject({ moved: 1 });
  });

  test("queues without order: a letter names the message that it was, and becomes it again", async () => {
    const api = await Api.started();
    await api.queue("dead", { ordering: "NONE" });
    const options = { ...quick, onExhausted: "DEAD_LETTER", deadLetterQueue: "dead" };
    await api.queue("q", { ...options, ordering: "NONE" });
    const { messageId } = await api.enqueue("q", "", "x", { messageOptions: { priority: 5 } });
    const receiver = await Receiver.of(api);
    await receiver.settle("Reject", (await receiver.receive("q"))[0], { error: "no" });
    const { messages } = await api.call("Peek", { queue: "dead", maxMessages: 5 });
    expect(messages).toMatchObject([{ deadLetter: { messageId, queue: "q", cause: "REJECTED" } }]);
    expect(await api.call("Redrive", { queue: "dead" })).toMatchObject({ moved: 1, gone: 0 });
    expect((await api.call("GetMessage", { messageId }))["message"]).toMatchObject({
      ...{ state: "READY", priority: 5, attempts: 0 },
    });
    expect(await receiver.receive("q")).toMatchObject([{ messageId, deadLetter: null }]);
  });

  test("refuses what would come after a later message, unless forced", async () => {
    const api = await started();
    await api.enqueue("q", "a", "later");
    const receiver = await Receiver.of(api);
    await receiver.settle("Ack", (await receiver.receive("q"))[0]);
    const filter = { key: "a" };
    expect(await api.call("Redrive", { queue: "dead", filter })).toMatchObject({
      ...{ moved: 0, refused: 1 },
    });
    expect(await api.call("Redrive", { queue: "dead", filter, force: true })).toMatchObject({
      moved: 1,
    });
  });
});

describe("Peek and GetMessage", () => {
  test("messages in every state, page by page, with where they are (O6)", async () => {
    const api = await Api.started();
    await api.queue("q", { ...quick, orderedDelay: "BLOCK_KEY" });
    for (const key of ["b", "a/ä", "c"])
      for (const body of ["1", "2"]) await api.enqueue("q", key, body);
    await api.enqueue("q", "d", "later", { messageOptions: { delayMs: 60_000 } });
    await parked(api, "c", "no good");
    const receiver = await Receiver.of(api);
    await receiver.receive("q", { keys: ["b"] });

    const pages: Reply[] = [];
    let after = "";
    do {
      const reply = await api.call("Peek", { queue: "q", maxMessages: 3, after });
      pages.push(...(reply["messages"] as Reply[]));
      after = String(reply["next"]);
    } while (after !== "");
    expect(pages.map(({ key, keySeq, state }) => [key, keySeq, state])).toEqual([
      ["a/ä", 1, "READY"],
      ["a/ä", 2, "READY"],
      ["b", 1, "LEASED"],
      ["b", 2, "READY"],
      ["c", 1, "PARKED"],
      ["c", 2, "READY"],
      ["d", 1, "DELAYED"],
    ]);
    expect(bodies(pages)).toEqual(["1", "2", "1", "2", "1", "2", "later"]);
    expect(pages[4]).toMatchObject({ attempts: 1, deliveries: 1, error: "no good" });
    expect(Number(pages[6]?.["notBeforeMs"])).toBeGreaterThan(0);

    const ofKey = await api.call("Peek", { queue: "q", key: "c", maxMessages: 10 });
    expect(ofKey["messages"]).toEqual(pages.slice(4, 6));
    for (const one of pages) {
      const { messageId, queue, key, keySeq } = one;
      expect((await api.call("GetMessage", { messageId }))["message"]).toEqual(one);
      expect((await api.call("GetMessage", { queue, key, keySeq }))["message"]).toEqual(one);
    }
    expect(await api.info("q")).toMatchObject({ leased: 1, parked: 1, delayed: 1 });
  });

  test("a queue without order: priorities and what is delayed, before and after it is stored", async () => {
    const api = await Api.started();
    await api.queue("q", { ordering: "NONE" });
    await api.enqueue("q", "", "plain");
    await api.enqueue("q", "", "high", { messageOptions: { priority: 9 } });
    for (const body of ["later", "much later"])
      await api.enqueue("q", "", body, { messageOptions: { delayMs: 60_000 } });
    for (let i = 0; i < 2; i += 1) {
      const { messages } = await api.call("Peek", { queue: "q", maxMessages: 10 });
      expect((messages as Reply[]).map(({ state }) => state)).toEqual([
        ...["READY", "READY", "DELAYED", "DELAYED"],
      ]);
      expect(bodies(messages)).toEqual(["plain", "high", "later", "much later"]);
      for (const one of messages as Reply[]) {
        const { messageId } = one;
        expect((await api.call("GetMessage", { messageId }))["message"]).toEqual(one);
      }
      await api.cluster.run(1_000);
    }
    let after = "";
    const seen: string[] = [];
    do {
      const reply = await api.call("Peek", { queue: "q", after });
      seen.push(...bodies(reply["messages"]));
      after = String(reply["next"]);
    } while (after !== "");
    expect(seen).toEqual(["plain", "high", "later", "much later"]);
  });

  test("an answer ends before 4 MiB", async () => {
    const api = await Api.started();
    await api.queue("q");
    for (let i = 0; i < 9; i += 1) await api.enqueue("q", "k", "x".repeat(700_000));
    const first = await api.call("Peek", { queue: "q", maxMessages: 100 });
    expect(first["messages"]).toHaveLength(5);
    const rest = await api.call("Peek", { queue: "q", maxMessages: 100, after: first["next"] });
    expect((rest["messages"] as Reply[]).map(({ keySeq }) => keySeq)).toEqual([6, 7, 8, 9]);
    expect(rest["next"]).toBe("");
  });
});

describe("GetMessageHistory", () => {
  test("what happened, by whom, and how long it took", async () => {
    const api = await Api.started();
    await api.queue("q", { ...quick, historyMs: 60_000 });
    const { messageId } = await api.enqueue("q", "k");
    const receiver = await Receiver.of(api);
    const [delivery] = await receiver.receive("q");
    await api.cluster.run(500);
    await receiver.settle("Reject", delivery, { error: "no good" });
    await api.call("ResolveParked", { queue: "q", key: "k", retry: {} });
    await receiver.settle("Ack", (await receiver.receive("q"))[0]);
    for (let i = 0; i < 2; i += 1) {
      const events = (await api.call("GetMessageHistory", { messageId }))["events"] as Reply[];
      expect(events.map(({ kind }) => kind)).toEqual([
        ...["enqueued", "delivered", "rejected", "parked", "retried", "delivered", "acked"],
      ]);
      expect(events[1]).toMatchObject({
        ...{ sessionId: receiver.sessionId, sessionName: "s", durationMs: 0 },
        fencingToken: delivery?.["fencingToken"],
      });
      expect(events[2]).toMatchObject({ error: "no good" });
      expect(Number(events[2]?.["durationMs"])).toBeGreaterThanOrEqual(500);
      await api.cluster.run(1_000);
    }
    await api.cluster.run(61_000);
    expect(await api.call("GetMessageHistory", { messageId })).toMatchObject({ events: [] });
  });
});

describe("ListKeys", () => {
  test("by name, by backlog, by state, paused ones too", async () => {
    const api = await Api.started();
    await api.queue("q", quick);
    const backlog = { a: 1, b: 3, c: 2, d: 2 };
    for (const [key, count] of Object.entries(backlog))
      for (let i = 0; i < count; i += 1) await api.enqueue("q", key);
    await api.call("PauseKey", { queue: "q", key: "d" });
    await api.call("PauseKey", { queue: "q", key: "empty" });
    await parked(api, "c");
    const names = async (request: object): Promise<unknown[]> => {
      const { keys } = await api.call("ListKeys", { queue: "q", ...request });
      return (keys as Reply[]).map(({ key }) => key);
    };
    expect(await names({})).toEqual(["a", "b", "c", "d", "empty"]);
    expect(await names({ byBacklog: true, maxKeys: 2 })).toEqual(["b", "c"]);
    expect(await names({ state: "PARKED" })).toEqual(["c"]);
    expect(await names({ state: "LEASED" })).toEqual([]);
    expect(await names({ paused: true })).toEqual(["d", "empty"]);
    const first = await api.call("ListKeys", { queue: "q", maxKeys: 2 });
    expect(await names({ after: first["next"], maxKeys: 3 })).toEqual(["c", "d", "empty"]);
    const { keys } = await api.call("ListKeys", { queue: "q", state: "PARKED" });
    expect(keys).toEqual([
      {
        ...{ key: "c", messages: 2, bytes: 6, leased: 0, retrying: 0, parked: 1, delayed: 0 },
        ...{ paused: false, lastKeySeq: 2, firstKeySeq: 1 },
      },
    ]);
  });
});

describe("managing", () => {
  test("CancelMessage: gone; what somebody holds is refused", async () => {
    const api = await Api.started();
    await api.queue("q");
    const { messageId } = await api.enqueue("q", "k");
    await api.enqueue("q", "k");
    await api.call("CancelMessage", { messageId });
    expect((await api.refusal("GetMessage", { messageId })).reason).toBe("MESSAGE_NOT_FOUND");
    const [held] = await (await Receiver.of(api)).receive("q");
    expect(held).toMatchObject({ keySeq: 2 });
    expect(await api.refusal("CancelMessage", { queue: "q", key: "k", keySeq: 2 })).toMatchObject({
      reason: "MESSAGE_LEASED",
      code: 9,
    });
    expect(await api.info("q")).toMatchObject({ cancelled: 1, leased: 1 });
  });

  test("PurgeQueue: counts, then takes; one key or all of them", async () => {
    const api = await Api.started();
    await api.queue("q");
    for (const key of ["a", "a", "b", "c"]) await api.enqueue("q", key);
    const all = { queue: "q", dryRun: true };
    expect(await api.call("PurgeQueue", all)).toMatchObject({ messages: 4, keys: 3 });
    expect(await api.call("PurgeQueue", { queue: "q", key: "a" })).toMatchObject({
      ...{ messages: 2, keys: 1 },
    });
    expect(await api.info("q")).toMatchObject({ ready: 2 });
    expect(await api.call("PurgeQueue", { queue: "q" })).toMatchObject({ messages: 2, keys: 2 });
    expect(await api.info("q")).toMatchObject({ ready: 0, cancelled: 4 });
    expect(await api.call("Peek", { queue: "q", maxMessages: 9 })).toMatchObject({ messages: [] });
  });

  test("PauseQueue, PauseKey: what comes waits until it is resumed", async () => {
    const api = await Api.started();
    await api.queue("q");
    const receiver = await Receiver.of(api);
    await api.call("PauseQueue", { queue: "q" });
    for (const key of ["a", "b"]) await api.enqueue("q", key);
    expect(await receiver.receive("q")).toEqual([]);
    expect(await api.info("q")).toMatchObject({ options: { paused: true } });
    await api.call("PauseKey", { queue: "q", key: "a" });
    await api.call("ResumeQueue", { queue: "q" });
    expect((await receiver.receive("q")).map(({ key }) => key)).toEqual(["b"]);
    expect(await api.info("q")).toMatchObject({ pausedKeys: 1 });
    await api.call("ResumeKey", { queue: "q", key: "a" });
    expect((await receiver.receive("q")).map(({ key }) => key)).toEqual(["a"]);
  });

  test("ListQueues and ListTopics: page by page, by name, those with a prefix", async () => {
    const api = await Api.started();
    for (const name of ["b-2", "a", "b-1", "b-3"]) await api.queue(name);
    for (const name of ["u", "t-2", "t-1"]) await api.call("CreateTopic", { name });
    const pages = async (method: string, list: string, request: object): Promise<unknown[]> => {
      const names: unknown[] = [];
      let after = "";
      do {
        const reply = await api.call(method, { ...request, after });
        names.push((reply[list] as Reply[]).map(({ name }) => name));
        after = String(reply["next"]);
      } while (after !== "");
      return names;
    };
    expect(await pages("ListQueues", "queues", {})).toEqual([["a", "b-1", "b-2", "b-3"]]);
    const some = { prefix: "b-", maxQueues: 2 };
    expect(await pages("ListQueues", "queues", some)).toEqual([["b-1", "b-2"], ["b-3"]]);
    const one = { prefix: "t", maxTopics: 1 };
    expect(await pages("ListTopics", "topics", one)).toEqual([["t-1"], ["t-2"], []]);
  });

  test("a temporary queue goes with its session", async () => {
    const api = await Api.started();
    const sessionId = await api.session();
    const caller = { sessionId, sequence: 1 };
    const { queue } = await api.call("CreateQueue", { caller, name: "replies", temporary: true });
    expect(queue).toMatchObject({ temporary: true });
    await api.call("CloseSession", { sessionId });
    expect((await api.refusal("GetQueue", { name: "replies" })).reason).toBe("QUEUE_NOT_FOUND");
  });

  test("options of a queue come back as they were given", async () => {
    const api = await Api.started();
    await api.queue("dead");
    const options = {
      ...{ onExpiry: "EXPIRY_DEAD_LETTER", deadLetterQueue: "dead", messageTtlMs: 5_000 },
      ...{ dedupWindowMs: 6_000, orderedDelay: "BLOCK_KEY", historyMs: 7_000 },
      ...{ maxMessagesPerKey: 8, maxBytesPerKey: 9, labels: { ä: "ö" } },
    };
    await api.queue("q", options);
    expect(await api.info("q")).toMatchObject({ options });
    const { queue, created } = await api.call("CreateQueue", { name: "q", options });
    expect(queue).toMatchObject({ options });
    expect(created).toBe(false);
  });
});

// Takers that want some keys only, or so many bytes (J2, J5).

import { describe, expect, test } from "vitest";
import { bounds, defaultLimits, standardRules, type Command } from "../../queue/index.ts";
import { message, only, places, Replica, Story } from "./harness.ts";

function after(keys: readonly string[], credit = 10, creditBytes = 0): Command {
  return { kind: "subscribe", consumer: 1, queue: "q", credit, leaseMs: 0, creditBytes, keys };
}

describe("J5: a consumer after some keys", () => {
  test("gets these and no others, what waits already and what comes", async () => {
    const story = new Story();
    await story.queue("q");
    for (const key of ["a", "b", "c"]) await story.put("q", key);
    const session = await story.session();
    await story.in(session, after(["c", "a"]));
    expect(places(story.grants)).toEqual(["a/1", "c/1"]);
    await story.put("q", "d");
    expect(story.grants).toEqual([]);
    await story.restart();
    const other = await story.session("q");
    expect(places(story.grants)).toEqual(["b/1", "d/1"]);
    expect(story.grants.every((grant) => grant.session === other)).toBe(true);
  });

  test("goes first, whoever came first", async () => {
    const story = new Story();
    await story.queue("q");
    await story.session("q");
    const session = await story.session();
    await story.in(session, after(["a"]));
    await story.put("q", "a");
    expect(only(story.grants).session).toBe(session);
  });

  test("leaves its keys to others while it has no credit, and takes turns with its like", async () => {
    const story = new Story();
    await story.queue("q");
    const [one, two] = [await story.session(), await story.session()];
    await story.in(one, after(["a", "b", "c"], 1));
    await story.in(two, after(["a", "b", "c"], 2));
    const rest = await story.session("q");
    const put = (key: string): Command => ({ kind: "enqueue", queue: "q", message: message(key) });
    const seen: number[] = [];
    for (const key of ["a", "b", "c", "a", "d"]) {
      await story.call(put(key));
      for (const grant of story.grants) seen.push(grant.session);
    }
    // The fourth waits behind a lease of its key; the third finds one of the two with credit left.
    expect(seen).toEqual([one, two, two, rest]);
    await story.restart();
    expect(story.machine.sessionInfo(one)).toMatchObject({ leases: 1 });
  });

  test("two with the same keys are served in turn after a restart too", async () => {
    const story = new Story();
    await story.queue("q");
    const [one, two] = [await story.session(), await story.session()];
    await story.in(one, after(["a", "b", "c"]));
    await story.in(two, after(["a", "b", "c"]));
    await story.put("q", "a");
    expect(only(story.grants).session).toBe(one);
    await story.restart();
    await story.put("q", "b");
    expect(only(story.grants).session).toBe(two);
  });

  test("changes its keys, and back to all", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    await story.in(session, after(["a"]));
    for (const key of ["a", "b", "c"]) await story.put("q", key);
    await story.in(session, after(["b"]));
    expect(places(story.grants)).toEqual(["b/1"]);
    await story.in(session, after([]));
    expect(places(story.grants)).toEqual(["c/1"]);
  });

  test("a receive waits for its keys", async () => {
    const story = new Story();
    await story.queue("q");
    await story.put("q", "b");
    const session = await story.session();
    const call: Command = {
      ...{ kind: "receive", queue: "q", maxMessages: 5, maxWaitMs: 5000, leaseMs: 0 },
      keys: ["a", "c"],
    };
    await story.entry([[story.next(session), call]]);
    await story.restart();
    await story.put("q", "c");
    const { answer } = only(story.effects.completions);
    if (answer.reply.kind !== "received") throw new Error(answer.reply.kind);
    expect(places(answer.reply.grants)).toEqual(["c/1"]);
  });

  test("bad wishes", async () => {
    const rules = { ...standardRules, selectiveTakersMax: 1 };
    const story = new Story(Replica.empty(defaultLimits, rules));
    await story.queue("q");
    await story.queue("total", { ordering: "total" });
    const session = await story.session();
    const refusal = async (command: Command): Promise<unknown> =>
      story.refusal(command, story.next(session));
    expect(await refusal({ ...after(["a"]), queue: "total" } as Command)).toMatchObject({
      reason: "MALFORMED",
      field: "keys",
    });
    const many = Array.from({ length: bounds.keysWantedMax + 1 }, (_, at) => `k${at}`);
    expect(await refusal(after(many))).toMatchObject({ reason: "MALFORMED", field: "keys" });
    await story.in(session, after(["a"]));
    expect(await story.in(session, after(["b"]))).toEqual({ kind: "done" });
    const another = { ...after(["a"]), consumer: 2 } as Command;
    expect(await refusal(another)).toMatchObject({ reason: "TOO_MANY_IN_FLIGHT", field: "keys" });
  });
});

describe("J2: credit in bytes", () => {
  const body = "x".repeat(100);

  test("one delivery is always made; then the bytes that are out count", async () => {
    const story = new Story();
    await story.queue("q");
    const session = await story.session();
    await story.in(session, after([], 10, 150));
    for (const key of ["a", "b", "c"]) await story.put("q", key, body);
    expect(story.machine.sessionInfo(session)).toMatchObject({ leases: 2 });
    const first = story.machine.liveGrants(session)[0]!;
    await story.restart();
    await story.ack(first);
    expect(places(story.grants)).toEqual(["c/1"]);
    await story.in(session, after([], 10, 1000));
    await story.put("q", "d", body);
    expect(places(story.grants)).toEqual(["d/1"]);
  });

  test("a receive's answer has a bound", async () => {
    const story = new Story();
    await story.queue("q");
    for (const key of ["a", "b", "c"]) await story.put("q", key, body);
    const session = await story.session();
    const receive = async (maxBytes: number): Promise<number> => {
      const reply = await story.in(session, {
        ...{ kind: "receive", queue: "q", maxMessages: 5, maxWaitMs: 0, leaseMs: 0 },
        maxBytes,
      });
      if (reply.kind !== "received") throw new Error(reply.kind);
      return reply.grants.length;
    };
    expect(await receive(250)).toBe(2);
    expect(await receive(1)).toBe(1);
  });
});

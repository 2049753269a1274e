// The parts of the client that only decide: who is asked next, what is sent next, what is tried again.

import { Metadata, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Call, Outbox } from "../../client/calls.ts";
import { failureOf, type Failure } from "../../client/channel.ts";
import { QueueError } from "../../client/errors.ts";
import { LeaderFinder } from "../../client/leader.ts";
import { checkSettings } from "../../client/options.ts";
import { neverApplied, pauseMs, refusalPauseMs, verdictOf } from "../../client/retry.ts";
import { decodeClientFrame, type WireError } from "../../proto/frame.ts";
import { wireError } from "./fake-cluster.ts";

describe("leader", () => {
  let now = 0;
  const clock = {
    now: () => now,
    after: () => ({ cancel: () => undefined }),
    soon: () => undefined,
  };
  const finder = () => {
    now = 0;
    return new LeaderFinder(["a:1", "b:1", "c:1"], clock);
  };

  test("F3: every endpoint is asked, and a pause is due once per round", () => {
    const leader = finder();
    const asked: string[] = [];
    const pauses: number[] = [];
    for (let i = 1; i <= 6; i++) {
      const endpoint = leader.next();
      asked.push(endpoint);
      leader.refused(endpoint, 0);
      if (leader.roundIsOver()) pauses.push(i);
    }
    expect(asked).toEqual(["a:1", "b:1", "c:1", "a:1", "b:1", "c:1"]);
    expect(pauses).toEqual([3, 6]);
  });

  test("F1: a hint is followed at once, but not to a leader that has just been lost at that term", () => {
    const leader = finder();
    leader.leads("a:1");
    expect(leader.next()).toBe("a:1");
    leader.refused("a:1", 5);
    leader.hinted({ endpoint: "a:1", term: 5 });
    expect(leader.next()).not.toBe("a:1");
    leader.hinted({ endpoint: "a:1", term: 6 });
    expect(leader.next()).toBe("a:1");
  });

  test("F1: two nodes that point at each other do not make a loop", () => {
    const leader = finder();
    const asked: string[] = [];
    for (let i = 0; i < 20 && !leader.roundIsOver(); i++) {
      const endpoint = leader.next();
      asked.push(endpoint);
      leader.refused(endpoint, 0);
      leader.hinted({ endpoint: endpoint === "a:1" ? "b:1" : "a:1", term: 3 });
    }
    expect(asked.length).toBeLessThan(8);
  });

  test("F2: what hung is asked last for a while", () => {
    const leader = finder();
    leader.hung("a:1", 1);
    expect([leader.next(), leader.next(), leader.next()]).toEqual(["b:1", "c:1", "b:1"]);
    now = 10_000;
    expect([leader.next(), leader.next()]).toContain("a:1");
  });

  test("hints teach endpoints, within a bound", () => {
    const leader = finder();
    for (let i = 0; i < 1_000; i++) {
      leader.hinted({ endpoint: `x:${i}`, term: i + 1 });
      leader.refused(leader.next(), i + 1);
    }
    expect(leader.endpoints.length).toBeLessThan(50);
    expect(leader.endpoints.slice(0, 3)).toEqual(["a:1", "b:1", "c:1"]);
  });
});

describe("calls", () => {
  const callOf = (urgent = false, tell: (what: string) => void = () => undefined) =>
    new Call(
      { op: "unsubscribe", consumer: 1 },
      { answered: () => tell("answered"), failed: () => tell("failed") },
      urgent,
      true,
    );
  const sequences = (frame: Buffer | undefined) =>
    frame === undefined ? [] : decodeClientFrame(frame).commands.map((c) => c.sequence);

  test("S1, S2: whatever happens, numbers are dense, kept, and each call is told once", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), urgent: fc.boolean() }),
      fc.record({ do: fc.constant("send" as const) }),
      fc.record({ do: fc.constant("reconnect" as const) }),
      fc.record({ do: fc.constant("answer" as const), at: fc.nat() }),
      fc.record({ do: fc.constant("abort" as const), at: fc.nat() }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, max) => {
          const outbox = new Outbox(max, 1_000);
          const told = new Map<Call, number>();
          const calls: Call[] = [];
          let next = 1;
          const unanswered = new Set<number>();
          let written = new Set<number>();
          for (const each of steps) {
            switch (each.do) {
              case "add": {
                const call: Call = callOf(each.urgent, () =>
                  told.set(call, (told.get(call) ?? 0) + 1),
                );
                calls.push(call);
                outbox.add(call, 0);
                break;
              }
              case "send":
                for (const sequence of sequences(outbox.nextFrame())) {
                  if (sequence === next) {
                    next++;
                    unanswered.add(sequence);
                  }
                  expect(unanswered.has(sequence)).toBe(true);
                  expect(written.has(sequence)).toBe(false);
                  written.add(sequence);
                }
                expect(next - outbox.firstOutstanding).toBeLessThanOrEqual(2 * max);
                break;
              case "reconnect":
                outbox.rewind();
                written = new Set();
                break;
              case "answer": {
                const open = [...written].filter((sequence) => unanswered.has(sequence));
                const sequence = open[each.at % open.length];
                if (sequence === undefined) break;
                unanswered.delete(sequence);
                outbox.take(sequence)!.answer({ kind: "done" }, 1);
                expect(outbox.take(sequence)).toBeUndefined();
                break;
              }
              case "abort":
                calls[each.at % calls.length]?.fail(new QueueError("", fail));
            }
            expect(outbox.firstOutstanding).toBe(Math.min(next, ...unanswered));
            expect(outbox.nextSequence).toBe(next);
          }
          for (const call of outbox.clear()) call.fail(new QueueError("", fail));
          expect([...told.values()].every((times) => times === 1)).toBe(true);
          expect(told.size).toBe(calls.length);
        },
      ),
    );
  });
  const fail = { reason: "ABORTED", code: 1, outcome: "UNKNOWN" } as const;

  test("S3: settlements pass calls that wait for room, in their own order; otherwise the order is that of the calls", () => {
    const outbox = new Outbox(2, 100);
    const calls = [false, true, false, false, true].map((urgent) => callOf(urgent));
    for (const call of calls) outbox.add(call, 0);
    expect(sequences(outbox.nextFrame())).toEqual([1, 2, 3]);
    expect(calls.map((call) => call.sequence)).toEqual([1, 2, 0, 0, 3]);
    outbox.take(1);
    outbox.take(2);
    expect(sequences(outbox.nextFrame())).toEqual([4]);
    expect(calls.map((call) => call.sequence)).toEqual([1, 2, 4, 0, 3]);
  });
});

describe("retry", () => {
  const failure = (code: number, error?: Partial<WireError>): Failure => ({
    code,
    message: "",
    error: error === undefined ? undefined : wireError(error),
  });

  test.each([
    ["a broken connection", failure(14), "elsewhere"],
    ["a follower", failure(14, { reason: "NOT_LEADER" }), "elsewhere"],
    ["a gap", failure(9, { reason: "SEQUENCE_GAP" }), "elsewhere"],
    ["an expired session", failure(5, { reason: "SESSION_EXPIRED" }), "session-expired"],
    ["a malformed frame", failure(3, { reason: "MALFORMED" }), "fatal"],
    ["a wrong certificate or token", failure(16), "fatal"],
    ["something that is not raftq", failure(12), "fatal"],
  ])("%s", (_, what, verdict) => {
    expect(verdictOf(what)).toBe(verdict);
  });

  test.each([
    ["No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1", true],
    ["Deadline exceeded after 3.000s,Waiting for LB pick", true],
    ["Deadline exceeded after 3.000s,name resolution: 0.002s,Waiting for LB pick", true],
    ["Deadline exceeded after 3.000s,LB pick: 0.001s,remote_addr=127.0.0.1:7400", false],
    ["Deadline exceeded after 3.000s,LB pick: 0.001s", false],
    // The one that waits now was sent to nobody; those before it may have been.
    ["Deadline exceeded after 3.000s,previous attempts: 1,Waiting for LB pick", false],
    ["Deadline exceeded", false],
    ["Connection dropped", false],
  ])("whether a call was ever sent, by what gRPC says (H3): %s", (details, neverSent) => {
    const said = { code: status.DEADLINE_EXCEEDED, details, metadata: new Metadata() };
    const error = Object.assign(new Error(`4 DEADLINE_EXCEEDED: ${details}`), said);
    expect(failureOf(error)).toMatchObject({ message: details, neverSent });
  });

  test("only what was refused before the log, or never sent, is NOT_APPLIED (H3)", () => {
    expect(neverApplied(failure(14))).toBe(false);
    expect(neverApplied({ ...failure(14), neverSent: true })).toBe(true);
    expect(neverApplied(failure(14, { reason: "NOT_LEADER" }))).toBe(true);
    expect(neverApplied(failure(14, { reason: "NOT_LEADER", outcome: "UNKNOWN" }))).toBe(false);
  });

  test("pauses start short, grow, and are bounded", () => {
    const pauses = Array.from({ length: 50 }, (_, round) => pauseMs(round, () => 1));
    expect(pauseMs(0, () => 0)).toBe(20);
    expect(pauses[0]).toBe(40);
    expect(Math.max(...pauses)).toBe(500);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  });

  test("only RESOURCE_EXHAUSTED with a pause is tried again under a new number", () => {
    const refused = (code: number, retryAfterMs: number) =>
      new QueueError("", { reason: "QUEUE_FULL", code, outcome: "NOT_APPLIED", retryAfterMs });
    expect(refusalPauseMs(refused(8, 100), () => 0)).toBe(100);
    expect(refusalPauseMs(refused(8, 0), () => 0)).toBeUndefined();
    expect(refusalPauseMs(refused(9, 100), () => 0)).toBeUndefined();
  });
});

test.each([
  [{ endpoints: [] }, "endpoints"],
  [{ endpoints: ["localhost"] }, "endpoints"],
  [{ endpoints: ["a:1"], sessionTtlMs: 10 }, "sessionTtlMs"],
  [{ endpoints: ["a:1"], maxOutstanding: 0.5 }, "maxOutstanding"],
])("options %j are refused, naming %s", (options, field) => {
  expect(() => checkSettings(options)).toThrow(
    expect.objectContaining({ reason: "MALFORMED", field, outcome: "NOT_APPLIED" }) as Error,
  );
});

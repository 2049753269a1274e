import { describe, expect, test } from "vitest";
import type { Unanswered } from "../../node/proposer.ts";
import { NotLeading, Waiting } from "../../node/waiting.ts";
import type { Answer } from "../../queue/index.ts";
import { settled } from "./fakes.ts";

const done: Answer = { index: 7, reply: { kind: "done" } };

function watch(promise: Promise<void>): { outcome: string } {
  const watched = { outcome: "" };
  promise.then(
    () => (watched.outcome = "served"),
    (error: unknown) => (watched.outcome = error instanceof NotLeading ? "refused" : String(error)),
  );
  return watched;
}

describe("linearizable reads", () => {
  test("D2: every attempt has an id of its own", async () => {
    const waiting = new Waiting();
    const ids: number[] = [];
    for (let i = 0; i < 5; i += 1) void watch(waiting.read((id) => ids.push(id)));
    await settled();
    expect(new Set(ids).size).toBe(5);
  });

  test("D7: a confirmed read waits until its index is applied", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read(() => undefined));
    waiting.confirmed([{ id: 1, index: 10 }], 8);
    await settled();
    expect(read.outcome).toBe("");
    waiting.applied(9);
    await settled();
    expect(read.outcome).toBe("");
    waiting.applied(10);
    await settled();
    expect(read.outcome).toBe("served");
  });

  test("I1: a read too many is told so, and not that this node does not lead", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read(() => undefined));
    waiting.confirmed([{ id: 1, index: undefined, reason: "too-many-reads" }], 8);
    await settled();
    expect(read.outcome).toContain("TooManyReads");
  });

  test("D1: a read that is not confirmed is never served, however much is applied", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read(() => undefined));
    waiting.applied(1_000);
    await settled();
    expect(read.outcome).toBe("");
  });

  test("D7: confirmed at an index that is applied already: served at once, also from within the question", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read((id) => waiting.confirmed([{ id, index: 5 }], 5)));
    await settled();
    expect(read.outcome).toBe("served");
  });

  test("D3: leadership lost before it was confirmed", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read(() => undefined));
    waiting.confirmed([{ id: 1, index: undefined }], 8);
    await settled();
    expect(read.outcome).toBe("refused");
  });

  test("D3, R10: leadership lost after it was confirmed, before it was applied", async () => {
    const waiting = new Waiting();
    const read = watch(waiting.read(() => undefined));
    waiting.confirmed([{ id: 1, index: 10 }], 8);
    waiting.abandon();
    await settled();
    expect(read.outcome).toBe("refused");
    waiting.applied(10);
  });

  test("an outcome for a read that nobody waits for is ignored", () => {
    new Waiting().confirmed([{ id: 99, index: 1 }], 5);
  });
});

describe("O2, R10: receives that wait", () => {
  function receive(waiting: Waiting, session: number, sequence: number): (Answer | Unanswered)[] {
    const got: (Answer | Unanswered)[] = [];
    waiting.receive(session, sequence, (answer) => got.push(answer));
    return got;
  }

  test("a completion answers the call of its session and sequence, once", () => {
    const waiting = new Waiting();
    const first = receive(waiting, 1, 1);
    const second = receive(waiting, 1, 2);
    const other = receive(waiting, 2, 1);
    waiting.completed(1, 2, done);
    waiting.completed(1, 2, done);
    waiting.completed(3, 1, done);
    expect([first, second, other]).toEqual([[], [done], []]);
  });

  test("the same call over another stream: the older one hears UNKNOWN, the newer one the answer", () => {
    const waiting = new Waiting();
    const older = receive(waiting, 1, 1);
    const newer = receive(waiting, 1, 1);
    waiting.completed(1, 1, done);
    expect(older).toEqual([{ kind: "unknown" }]);
    expect(newer).toEqual([done]);
  });

  test("H3, H4: leadership lost: UNKNOWN, for they are in the log", () => {
    const waiting = new Waiting();
    const calls = [receive(waiting, 1, 1), receive(waiting, 1, 2), receive(waiting, 2, 1)];
    waiting.abandon();
    waiting.abandon();
    for (const got of calls) expect(got).toEqual([{ kind: "unknown" }]);
  });

  test("R11: a floor above a receive ends the wait, as it does in the state machine", () => {
    const waiting = new Waiting();
    const below = receive(waiting, 1, 3);
    const at = receive(waiting, 1, 5);
    const other = receive(waiting, 2, 3);
    waiting.raised({ session: 1, sequence: 6, floor: 5 }, 9);
    expect(below).toMatchObject([
      { index: 9, reply: { kind: "refused", refusal: { reason: "MALFORMED" } } },
    ]);
    expect(at).toEqual([]);
    expect(other).toEqual([]);
    waiting.completed(1, 3, done);
    expect(below).toHaveLength(1);
  });
});

import { describe, expect, test } from "vitest";
import { Witness } from "../../bench/witness.ts";

function after(...notes: readonly (readonly [key: string, keySeq: number, sequence: number])[]) {
  const witness = new Witness(1);
  for (const [key, keySeq, sequence] of notes) witness.note(0, key, keySeq, sequence);
  const { distinct, doubled, outOfOrder } = witness;
  return { distinct, doubled, outOfOrder };
}

describe("the witness", () => {
  test("has nothing to say of messages that come once, in the order of their key", () => {
    const notes = [["a", 1, 0] as const, ["b", 1, 1] as const, ["a", 2, 2] as const];
    expect(after(...notes)).toEqual({ distinct: 3, doubled: 0, outOfOrder: 0 });
  });

  test("sees a message that was stored twice: it has a place of its own", () => {
    expect(after(["a", 1, 0], ["a", 2, 0])).toMatchObject({ distinct: 1, doubled: 1 });
  });

  test("sees a message that came a second time", () => {
    const said = { distinct: 1, doubled: 1, outOfOrder: 1 };
    expect(after(["a", 1, 0], ["a", 1, 0])).toEqual(said);
  });

  test("sees a gap, and what comes too late", () => {
    expect(after(["a", 1, 0], ["a", 3, 2])).toMatchObject({ outOfOrder: 1 });
    expect(after(["a", 1, 0], ["a", 3, 2], ["a", 2, 1])).toMatchObject({ outOfOrder: 2 });
  });

  test("keys of different queues have nothing to do with each other", () => {
    const witness = new Witness(2);
    witness.note(0, "a", 1, 0);
    witness.note(1, "a", 1, 1);
    expect(witness.outOfOrder).toBe(0);
  });

  test("has no bound but memory", () => {
    expect(after(["a", 1, 0], ["a", 2, 5_000_000], ["a", 3, 5_000_000])).toMatchObject({
      distinct: 2,
      doubled: 1,
    });
  });
});

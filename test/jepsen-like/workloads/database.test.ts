import { describe, expect, test } from "vitest";
import { Database, type Write } from "../../../jepsen-like/workloads/database.ts";

const write = (token: number, keySeq: number, body = `m${keySeq}`, key = "lock"): Write => ({
  ...{ queue: "q", key, keySeq, token, body },
});

function written(...writes: readonly Write[]): { accepted: boolean[]; complaints: string[] } {
  const complaints: string[] = [];
  const database = new Database((what) => complaints.push(what));
  const accepted = writes.map((one) => database.put(one).accepted);
  expect(database.accepted + database.refused).toBe(writes.length);
  return { accepted, complaints };
}

describe("a database that looks at fencing tokens", () => {
  test("takes growing tokens, refuses smaller ones, and finds nothing wrong with it", () => {
    expect(written(write(5, 1), write(9, 1), write(5, 1), write(12, 2), write(9, 1))).toEqual({
      accepted: [true, true, false, true, false],
      complaints: [],
    });
  });

  test("takes the same write again", () => {
    expect(written(write(5, 1), write(5, 1))).toEqual({ accepted: [true, true], complaints: [] });
  });

  test("keeps keys apart", () => {
    expect(written(write(5, 9), write(3, 1, "n1", "other"))).toEqual({
      accepted: [true, true],
      complaints: [],
    });
  });

  test.each<[string, Write[]]>([
    ["one token for two messages", [write(5, 1), write(5, 2)]],
    ["a later token for an earlier message", [write(5, 2), write(6, 1)]],
    ["an earlier token for a later message", [write(6, 1), write(5, 2)]],
  ])("complains of %s (F1)", (_what, writes) => {
    const { complaints } = written(...writes);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(/queue q, key lock: token \d was given for message \d \(m\d\)/);
  });
});

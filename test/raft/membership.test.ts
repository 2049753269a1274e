import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMembership, encodeMembership, MembershipHistory } from "../../raft/membership.ts";
import { votersOf } from "./harness.ts";

describe("the membership codec", () => {
  test("what was encoded is decoded", () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(ids, fc.nat(9), fc.stringMatching(/^[ -~]{0,40}$/), (all, split, context) => {
        const ascending = (a: number, b: number): number => a - b;
        const membership = {
          voters: all.slice(0, split).sort(ascending),
          learners: all.slice(split).sort(ascending),
          context,
        };
        expect(decodeMembership(encodeMembership(membership))).toEqual(membership);
      }),
    );
  });

  test("an unknown version, a cut and disorder are refused", () => {
    const bytes = encodeMembership(votersOf(1, 2));
    expect(() => decodeMembership(Uint8Array.of(2, ...bytes.subarray(1)))).toThrow("version");
    expect(() => decodeMembership(bytes.subarray(0, 12))).toThrow("complete");
    expect(() => decodeMembership(new Uint8Array(0))).toThrow("version");
    expect(() => encodeMembership(votersOf(2, 1))).toThrow("ascending");
    const both = { voters: [1], learners: [1], context: "" };
    expect(() => encodeMembership(both)).toThrow("disjoint");
    expect(() => encodeMembership({ ...votersOf(1), context: "é" })).toThrow("ASCII");
  });
});

describe("the history of memberships", () => {
  test("C3, M2: truncating a membership entry brings back the one before", () => {
    const history = new MembershipHistory({ index: 0, membership: votersOf(1, 2, 3) }, []);
    history.append(5, votersOf(1, 2, 3, 4));
    history.append(7, votersOf(1, 2, 3, 4, 5));
    history.truncateAfter(6);
    expect(history.current).toEqual(votersOf(1, 2, 3, 4));
    history.truncateAfter(4);
    expect(history.current).toEqual(votersOf(1, 2, 3));
  });

  test("M1: at any index of the log the newest one at or below holds", () => {
    const history = new MembershipHistory({ index: 0, membership: votersOf(1) }, []);
    history.append(5, votersOf(1, 2));
    history.append(7, votersOf(1, 2, 3));
    expect(history.at(4)).toEqual(votersOf(1));
    expect(history.at(6)).toEqual(votersOf(1, 2));
    history.compact(6);
    expect(history.at(6)).toEqual(votersOf(1, 2));
    expect(history.at(9)).toEqual(votersOf(1, 2, 3));
    expect(() => history.append(7, votersOf(1))).toThrow("M1");
  });

  test("C4, M3: a snapshot's membership replaces newer uncommitted ones", () => {
    const history = new MembershipHistory({ index: 0, membership: votersOf(1) }, []);
    history.append(9, votersOf(1, 2));
    history.reset(8, votersOf(3));
    expect(history.current).toEqual(votersOf(3));
  });
});

// What the histories of these tests are made of, and how one is refused.

import { describe, expect, test } from "vitest";
import {
  browse,
  delivered,
  enqueue,
  evidence,
  message,
  settle,
  verdictOf,
  type Line,
} from "../told.ts";

export const one = message(1);
export const two = message(2);
export const fifo1 = message(1, { queue: "fifo", key: "" });
export const fifo2 = message(2, { queue: "fifo", key: "" });
export const bag1 = message(1, { queue: "bag" });
export const bag2 = message(2, { queue: "bag" });
export const dying = message(1, { queue: "dying" });
export const letter = message(1, { queue: "dlq" });

/** Enqueued, and delivered under token 1. */
export const got = [enqueue(one, 0, 10), delivered(one, 1, 20)];
export const gone = [...got, settle("ack", one, 1, 21, 25)];
/** All queues are empty at the end. */
export const nothing = [
  browse("q", 900),
  browse("dying", 910),
  browse("bag", 920),
  browse("dlq", 990),
];

/** Each: the check, what is wrong, the history, and what the check says of it. */
export function areViolated(histories: readonly [string, string, Line[], string | RegExp][]): void {
  describe("is violated", () => {
    test.each(histories)("%s: %s", (name, _, lines, what) => {
      const verdict = verdictOf(name, evidence(lines));
      expect(verdict.result).toBe("violated");
      expect(verdict.findings.map((finding) => finding.what).join("\n")).toMatch(what);
    });
  });
}

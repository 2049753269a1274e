import fc from "fast-check";
import { expect, test } from "vitest";
import { check } from "../../../jepsen-like/checkers/index.ts";
import type { Bug } from "./queue-server.ts";
import { simulate } from "./world.ts";

/** The checks that did not hold, with what they found. There are no logs, and so there is no witness. */
function wrong(seed: number, bug?: Bug): string[] {
  return check(simulate(seed, bug))
    .filter(({ check: name, result }) => result !== "holds" && !name.startsWith("witness"))
    .map(({ check: name, why, findings }) => `${name}: ${why ?? ""} ${findings[0]?.what ?? ""}`);
}

test("what a right server gives is never refuted, whatever gets lost, late or killed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      expect(wrong(seed)).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test.each<[Bug, string]>([
  ["loses an enqueue that it acknowledged", "Q1"],
  ["discards what should be parked", "Q1"],
  ["invents a message", "Q2"],
  ["reports a failure for what it did", "Q2"],
  ["acks twice", "Q3"],
  ["keeps what was acked", "Q3"],
  ["does half a commit", "Q3"],
  ["leases a message twice", "Q4"],
  ["ends leases without a reason", "Q4"],
  ["ends leases long before their time", "Q4"],
  ["blames a session that lives", "Q4"],
  ["redelivers at the tail", "Q5"],
  ["puts a message before others", "Q5"],
  ["delivers the next one too early", "Q6"],
  ["says empty although something is ready", "Q7"],
  ["gives a number twice", "Q8"],
  ["stores again what it had stored", "Q9"],
  ["goes back in the log", "Q10"],
  ["counts an ack twice", "Q11"],
  ["takes an old token", "Q12"],
  ["puts a message before others", "exact FIFO"],
  ["says empty although something is ready", "exact FIFO"],
  ["delivers the next one too early", "ledger"],
])("a server that %s is found out by %s", (bug, name) => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  expect(seeds.some((seed) => wrong(seed, bug).some((one) => one.startsWith(name)))).toBe(true);
});

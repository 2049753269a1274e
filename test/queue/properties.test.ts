// Properties over random histories of everything that can be asked. MODEL_RUNS=10000 npx vitest run test/queue/properties.test.ts
// for a longer look.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Replica } from "./harness.ts";
import { habit, Habitual } from "./history/habitual.ts";
import { Outcomes, wanted } from "./history/outcomes.ts";
import { Judged, run, smallRules, tinyRules, type Apply } from "./history/run.ts";
import { moves } from "./history/steps.ts";

const numRuns = Number(process.env.MODEL_RUNS ?? 500);
/** To shrink a failure: MODEL_SHORTEST=0. */
const shortest = Number(process.env.MODEL_SHORTEST ?? 50);
const timeout = 120_000 + numRuns * 200;

describe("whatever is asked, in whatever order", () => {
  test(
    "P1-P8 hold, and a replica that stores, stops and starts at other moments agrees (R9, E6, G1)",
    async () => {
      const history = fc.record({ list: moves(200, shortest), equal: fc.boolean(), habit });
      await fc.assert(
        fc.asyncProperty(history, async ({ list, equal, habit: habits }) => {
          const judged = new Judged(smallRules, equal);
          const other = new Habitual(habits, smallRules);
          const apply: Apply = async (payload, index, calls, stamp) => {
            const outcome = await judged.apply(payload, index, calls, stamp);
            expect(await other.apply(payload, index)).toEqual(outcome);
            sameToLookAt(other.replica, judged.replica);
            return outcome;
          };
          await run(list, apply, equal);
          await judged.everyMessageIsThere();
          await judged.replica.flush();
          await judged.everyMessageIsThere();
          await other.flush();
          expect(await other.replica.stored()).toEqual(await judged.replica.stored());
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    "L6, Q2: how much is in memory changes nothing but what is read",
    async () => {
      let reads = 0;
      const limits = { lanesResidentMax: 0, agendaRowsMax: 1 };
      await fc.assert(
        fc.asyncProperty(moves(120), async (list) => {
          const roomy = Replica.empty(undefined, tinyRules, 0);
          const tight = new Habitual({ limits, after: ["flush"] }, tinyRules);
          await run(list, async (payload, index) => {
            const outcome = await roomy.apply(payload, index);
            expect(await tight.apply(payload, index)).toEqual(outcome);
            expect(tight.replica.machine.digest).toBe(roomy.machine.digest);
            return outcome;
          });
          for (const { lanes } of tight.replica.machine.state.queues.values()) {
            for (const lane of lanes.values()) expect(lane.messages > 0 || lane.dirty).toBe(true);
          }
          reads += tight.replica.reads;
        }),
        { numRuns: Math.ceil(numRuns / 5) },
      );
      expect(reads).toBeGreaterThan(0);
    },
    timeout,
  );
});

function sameToLookAt({ machine: one }: Replica, { machine: other }: Replica): void {
  expect(one.digest).toBe(other.digest);
  expect(one.listQueues()).toEqual(other.listQueues());
  for (const id of [1, 2, 3]) {
    expect(one.liveGrants(id)).toEqual(other.liveGrants(id));
    expect(one.sessionInfo(id)).toEqual(other.sessionInfo(id));
  }
}

test("the random histories are worth running: everything happens in them", async () => {
  const outcomes = new Outcomes();
  for (const list of fc.sample(moves(200, 50), { numRuns: 150, seed: 7 })) {
    const replica = Replica.empty(undefined, smallRules, 0);
    await run(list, async (payload, index) => {
      const outcome = await replica.apply(payload, index);
      outcomes.entry(outcome, replica);
      return outcome;
    });
    outcomes.end(replica);
  }
  if (process.env.MODEL_RUNS !== undefined) console.log(Object.fromEntries(outcomes.seen));
  for (const what of wanted) {
    expect([what, outcomes.seen.get(what) ?? 0]).not.toEqual([what, 0]);
  }
}, 60_000);

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import type { Verdict } from "../../jepsen-like/checkers/contract.ts";
import { mutantNamed } from "./catalogue/index.ts";
import { chosenOutside, outside, troubles, type TroubleName } from "./outside-catalogue.ts";
import { markdown, type Row } from "./outside-table.ts";
import { infected, optionsOf, tryOutside, type Came } from "./outside-trial.ts";

const violated = (check: string, what: string): Verdict => ({
  check,
  result: "violated",
  looked: "",
  findings: [{ what }],
});
const holds: Verdict = { check: "Q1 no loss", result: "holds", looked: "", findings: [] };

const came = (result: Came["result"], verdicts: readonly Verdict[] = [holds]): Came => ({
  ...{ result, verdicts, directory: "" },
  reasons: result === "PASS" ? [] : ["of some reason"],
});

/** Runs that take 100 s each, and come to this. */
function runs(...ends: readonly (Came | Error)[]): {
  now: () => number;
  runOnce: (seed: number) => Promise<Came>;
} {
  let clock = 0;
  return {
    now: () => clock,
    runOnce: (seed) => {
      clock += 100_000;
      const end = ends[seed - 7] ?? came("PASS");
      return end instanceof Error ? Promise.reject(end) : Promise.resolve(end);
    },
  };
}

const asked = { secondsMax: 300, firstSeed: 7, runsMax: Infinity };

describe("one bug against real clusters", () => {
  test("a run that fails ends it: the sentence, the seeds, the time of all runs (O1)", async () => {
    const fails = came("FAIL", [holds, violated("Q1 no loss", "m1 is lost")]);
    expect(await tryOutside({ ...asked, ...runs(came("PASS"), fails) })).toEqual({
      found: { check: "Q1 no loss", what: "m1 is lost", also: [] },
      seconds: 200,
      seeds: [7, 8],
      results: ["PASS", "FAIL: of some reason"],
    });
  });

  test("a run that shows nothing, and one that could not begin, are no finds (O1)", async () => {
    const trial = await tryOutside({
      ...asked,
      ...runs(came("INCONCLUSIVE"), new Error("no leader"), came("PASS")),
    });
    expect(trial.found).toBeUndefined();
    expect(trial.results).toEqual(["INCONCLUSIVE: of some reason", "no run: no leader", "PASS"]);
  });

  test("what is found too late is not found in time", async () => {
    const fails = came("FAIL", [violated("Q1 no loss", "m1 is lost")]);
    const trial = await tryOutside({ ...asked, secondsMax: 50, ...runs(fails) });
    expect(trial).toMatchObject({ found: undefined, seeds: [7] });
  });

  test("without a bug: until one run is enough, and so many at the most", async () => {
    const isEnough = ({ result }: Came): boolean => result === "PASS";
    const short = came("INCONCLUSIVE");
    const enough = await tryOutside({ ...asked, isEnough, ...runs(short, came("PASS")) });
    expect(enough.seeds).toEqual([7, 8]);
    const most = await tryOutside({ ...asked, runsMax: 1, isEnough, ...runs(short) });
    expect(most.seeds).toEqual([7]);
  });

  test("what clients and logs show is named first, a server that ends itself by name (O2)", async () => {
    const fails = came("FAIL", [
      violated(
        "no process ends by itself",
        'node 2 ended with code 70:\n  {"level":60,"err":{"type":"Error","message":"the state differs","stack":""}}',
      ),
      violated("the cluster comes back", "nodes 2 ended by themselves"),
      violated("replicas agree under way", "at index 7 …"),
      violated("witness 1: one log", "entry 9 differs"),
    ]);
    const first = await tryOutside({ ...asked, ...runs(fails) });
    expect(first.found).toEqual({
      check: "witness 1: one log",
      what: "entry 9 differs",
      also: ["replicas agree under way", "no process ends by itself", "the cluster comes back"],
    });
    const alone = await tryOutside({ ...asked, ...runs(came("FAIL", fails.verdicts.slice(0, 1))) });
    expect(alone.found).toMatchObject({
      check: "a node ended itself",
      what: "node 2 ended with code 70: the state differs",
    });
  });
});

describe("which bugs, in which trouble", () => {
  test("all are in the catalogue, none twice, and of the servers", () => {
    const names = chosenOutside().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(20);
    for (const name of names) expect(mutantNamed(name).file).toMatch(/^(raft|queue|node)\//);
  });

  test.each(Object.keys(troubles) as TroubleName[])("a run knows what %s means", (name) => {
    const { nemesis, minutes, workloads } = optionsOf(troubles[name], 1, "out", {});
    expect(nemesis.named).toEqual([]);
    expect(minutes).toBeLessThanOrEqual(1);
    expect(workloads.length).toBeGreaterThan(0);
  });

  test("they are chosen by name or by trouble; anything else is refused", () => {
    expect(chosenOutside("calm").map(({ name }) => name)).toEqual(outside.calm);
    const [first] = outside.cuts;
    expect(chosenOutside(first)).toEqual([{ trouble: "cuts", name: first }]);
    expect(() => chosenOutside("rain")).toThrow("no mutant is tried from outside as rain");
  });
});

test("a server gets the module with the bug, ready-made", () => {
  const { env, dispose } = infected(mutantNamed("quorum-of-half"));
  try {
    const compiled = readFileSync(env["RAFTQ_MUTANT_COMPILED"] ?? "", "utf8");
    expect(compiled).toContain("Math.max(1, Math.floor(voters / 2))");
    expect(env["NODE_OPTIONS"]).toMatch(/^--import=file:.*register\.js$/);
  } finally {
    dispose();
  }
  expect(() => readFileSync(env["RAFTQ_MUTANT_COMPILED"] ?? "")).toThrow("ENOENT");
});

describe("the table", () => {
  const row: Row = {
    ...{ trouble: "cuts", mutant: "quorum-of-half", trap: "B6", seconds: 61.4, seeds: [1, 2] },
    results: ["PASS", "FAIL: …"],
    found: { check: "Q1 no loss", what: "a | b is lost", also: ["Q3"] },
  };

  test("a bug that was found", () => {
    expect(markdown([row], { head: false })).toBe(
      "| `quorum-of-half` | B6 | cuts | 61 s | 2 | **Q1 no loss**: a \\| b is lost (and 1 more) |",
    );
  });

  test("one that was not, and runs without any: what the last run came to", () => {
    const none = { mutant: undefined, trap: "", found: undefined, results: ["PASS"], seeds: [1] };
    expect(markdown([{ ...row, ...none }]).split("\n")).toEqual([
      "| mutant | trap | trouble | found after | runs | by which check, and its sentence |",
      "| --- | --- | --- | --- | --- | --- |",
      "| none |  | cuts | – | 1 | PASS |",
    ]);
  });
});

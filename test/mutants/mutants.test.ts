import { readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, test } from "vitest";

import { mutants } from "./catalogue/index.ts";
import { mutate, type Mutant } from "./mutant.ts";

const root = new URL("../../", import.meta.url);

describe("the catalogue of mutants", () => {
  test("names are unique, and there are at least 40", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(40);
  });

  // A mutant that does not fit its file any more would be found by nothing, and nobody would know.
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s fits", (_, mutant) => {
    const source = readFileSync(new URL(mutant.file, root), "utf8");
    const changed = mutate(source, mutant);
    expect(changed).not.toBe(source);
    const { diagnostics = [] } = ts.transpileModule(changed, {
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
    });
    expect(diagnostics.map(({ messageText }) => messageText)).toEqual([]);
  });

  test("a text that is not there, or twice, is refused", () => {
    const mutant: Mutant = { name: "m", trap: "A1", file: "f.ts", find: "a", replace: "b" };
    expect(mutate("xay", mutant)).toBe("xby");
    expect(() => mutate("xy", mutant)).toThrow("not in f.ts any more");
    expect(() => mutate("aa", mutant)).toThrow("more than once");
  });
});

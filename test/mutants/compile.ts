// A module with a bug, as Node can load it in place of the built one.

import { readFileSync } from "node:fs";
import ts from "typescript";

import { mutate, type Mutant } from "./mutant.ts";

/** The project, seen from here or from dist/. */
const root = new URL(import.meta.url.endsWith(".ts") ? "../../" : "../../../", import.meta.url);

export function compile(mutant: Mutant): string {
  const text = readFileSync(new URL(mutant.file, root), "utf8");
  return ts.transpileModule(mutate(text, mutant), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  }).outputText;
}

// Module hooks: the one module with the bug is compiled from its source, all others come from where they are.

import { readFileSync } from "node:fs";
import type { LoadHook } from "node:module";
import ts from "typescript";

import { mutate, type Mutant } from "./mutant.ts";

const dist = new URL("../../", import.meta.url);
let url = "";
let source = "";

export function initialize(mutant: Mutant): void {
  url = new URL(mutant.file.replace(/\.ts$/, ".js"), dist).href;
  const text = readFileSync(new URL(`../${mutant.file}`, dist), "utf8");
  source = ts.transpileModule(mutate(text, mutant), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
    },
  }).outputText;
}

export const load: LoadHook = (wanted, context, nextLoad) =>
  wanted === url ? { format: "module", shortCircuit: true, source } : nextLoad(wanted, context);

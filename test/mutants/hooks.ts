// Module hooks: the one module with the bug is compiled from its source, all others come from where they are.

import { readFileSync } from "node:fs";
import type { LoadHook } from "node:module";

import type { Mutant } from "./mutant.ts";

export interface HooksData {
  readonly mutant: Mutant;
  /** A file that has the module compiled already. */
  readonly compiled: string | undefined;
}

const dist = new URL("../../", import.meta.url);
let url = "";
let source = "";

export async function initialize({ mutant, compiled }: HooksData): Promise<void> {
  url = new URL(mutant.file.replace(/\.ts$/, ".js"), dist).href;
  // The compiler takes a second to load: only where it is needed.
  source =
    compiled === undefined
      ? (await import("./compile.ts")).compile(mutant)
      : readFileSync(compiled, "utf8");
}

export const load: LoadHook = (wanted, context, nextLoad) =>
  wanted === url ? { format: "module", shortCircuit: true, source } : nextLoad(wanted, context);

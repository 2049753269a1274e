// node --import ./dist/test/mutants/register.js …: puts the bug of this process (RAFTQ_MUTANT) into the built module as
// Node loads it. The process itself is the built code: the simulation at full speed.

import { register } from "node:module";

import { mutantNamed } from "./catalogue/index.ts";
import type { HooksData } from "./hooks.ts";
import { compiledVariable, mutantVariable } from "./mutant.ts";

const name = process.env[mutantVariable];
if (name !== undefined && name !== "") {
  const data: HooksData = { mutant: mutantNamed(name), compiled: process.env[compiledVariable] };
  register("./hooks.js", { parentURL: import.meta.url, data });
}

// node --import ./dist/test/mutants/register.js …: puts the bug of this process (RAFTQ_MUTANT) into the built module as
// Node loads it. The process itself is the built code: the simulation at full speed.

import { register } from "node:module";

import { mutantNamed } from "./catalogue/index.ts";
import { mutantVariable } from "./mutant.ts";

const name = process.env[mutantVariable];
if (name !== undefined && name !== "")
  register("./hooks.js", { parentURL: import.meta.url, data: mutantNamed(name) });

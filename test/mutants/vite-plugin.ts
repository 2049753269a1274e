// Puts the bug of this process (RAFTQ_MUTANT) into the module that vitest loads.

import { resolve } from "node:path";

import { mutantNamed } from "./catalogue/index.ts";
import { mutantVariable, mutate } from "./mutant.ts";

interface Plugin {
  readonly name: string;
  readonly enforce: "pre";
  transform(code: string, id: string): string | undefined;
}

export function mutantPlugin(root: string): Plugin[] {
  const name = process.env[mutantVariable];
  if (name === undefined || name === "") return [];
  const mutant = mutantNamed(name);
  const file = resolve(root, mutant.file);
  return [
    {
      name: "mutant",
      enforce: "pre",
      transform: (code, id) => (id.split("?")[0] === file ? mutate(code, mutant) : undefined),
    },
  ];
}

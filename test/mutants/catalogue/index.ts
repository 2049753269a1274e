// Every bug that is put in on purpose, by the folder that it is put into.

import type { Mutant } from "../mutant.ts";
import { checkersMutants } from "./jepsen-like-checkers.ts";
import { jepsenLikeMutants } from "./jepsen-like.ts";
import { logMutants } from "./log.ts";
import { membershipMutants } from "./membership.ts";
import { nodeMutants } from "./node.ts";
import { queueMutants } from "./queue.ts";
import { raftMutants } from "./raft.ts";

export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...membershipMutants,
  ...logMutants,
  ...queueMutants,
  ...nodeMutants,
  ...jepsenLikeMutants,
  ...checkersMutants,
];

/** @throws when there is none of that name. */
export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined) throw new Error(`there is no mutant ${name}`);
  return found;
}

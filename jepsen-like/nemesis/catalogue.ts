// All faults, and how `--nemesis` names them.

import { disksFaults } from "./faults/disks.ts";
import { hostFaults } from "./faults/host.ts";
import { membershipFaults } from "./faults/membership.ts";
import { networkFaults } from "./faults/network.ts";
import { processFaults } from "./faults/processes.ts";
import type { Fault } from "./fault.ts";

export const catalogue: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...membershipFaults,
  ...disksFaults,
  ...hostFaults,
];

export interface Chosen {
  readonly faults: readonly Fault[];
  /** Those that were asked for one by one: a run that does not show them is not conclusive. */
  readonly named: readonly string[];
}

/**
 * A list by commas of names ("kill-leader"), beginnings of names ("one-way": one-way-in, one-way-out …), kinds ("network"),
 * "all" and "none". A "-" before a word takes away what it means: "all,-disk,-kill-all".
 * @throws {RangeError} for a word that means nothing.
 */
export function faultsNamed(list: string, from: readonly Fault[] = catalogue): Chosen {
  const chosen = new Set<Fault>();
  const named = new Set<string>();
  for (const word of list.split(",").map((text) => text.trim())) {
    if (word === "" || word === "none") continue;
    const takesAway = word.startsWith("-");
    const plain = takesAway ? word.slice(1) : word;
    const { faults, isName } = meaning(plain, from);
    if (faults.length === 0) throw new RangeError(unknownWord(plain, from));
    for (const fault of faults) {
      if (takesAway) chosen.delete(fault);
      else chosen.add(fault);
      if (takesAway) named.delete(fault.name);
      else if (isName) named.add(fault.name);
    }
  }
  return { faults: [...chosen], named: [...named] };
}

function meaning(
  word: string,
  from: readonly Fault[],
): { readonly faults: readonly Fault[]; readonly isName: boolean } {
  if (word === "all") return { faults: from, isName: false };
  const exact = from.filter(({ name }) => name === word);
  if (exact.length > 0) return { faults: exact, isName: true };
  const ofKind = from.filter(({ kind }) => kind === word);
  if (ofKind.length > 0) return { faults: ofKind, isName: false };
  return { faults: from.filter(({ name }) => name.startsWith(`${word}-`)), isName: false };
}

function unknownWord(word: string, from: readonly Fault[]): string {
  const names = from.map(({ name }) => name).join(", ");
  const kinds = [...new Set(from.map(({ kind }) => kind))].join(", ");
  return `no fault ${JSON.stringify(word)}; there are: ${names}; kinds: ${kinds}; all, none`;
}

// Pages of what has a name, in the order of names.

import { First } from "./first.ts";

export interface NamePage {
  /** Only names that come after this one; default: from the first. */
  readonly after?: string;
  readonly prefix?: string;
  /** Default: all of them. */
  readonly max?: number;
}

export function firstByName<T extends { readonly name: string }>(
  all: Iterable<T>,
  { after = "", prefix = "", max = Infinity }: NamePage,
): T[] {
  const first = new First<T>((a, b) => (a.name < b.name ? -1 : 1), max);
  for (const one of all) {
    if (one.name > after && one.name.startsWith(prefix)) first.offer(one.name, one);
  }
  return first.taken();
}

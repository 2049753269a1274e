// All workloads, by name.

import { empty } from "./empty.ts";
import { fencing } from "./fencing.ts";
import { fifo } from "./fifo.ts";
import { ledger } from "./ledger.ts";
import { mixed } from "./mixed.ts";
import { pipeline } from "./pipeline.ts";
import { retries } from "./retries.ts";
import { totalQueue } from "./total-queue.ts";
import type { Workload } from "./workload.ts";

export const catalogue: readonly Workload[] = [
  ledger,
  fifo,
  totalQueue,
  pipeline,
  retries,
  fencing,
  empty,
  mixed,
];

/** @throws {Error} that names what there is. */
export function workloadsNamed(names: readonly string[]): readonly Workload[] {
  return names.map((name) => {
    const found = catalogue.find((workload) => workload.name === name);
    if (found !== undefined) return found;
    const all = catalogue.map((workload) => workload.name).join(", ");
    throw new Error(`no workload ${JSON.stringify(name)}; there are: ${all}`);
  });
}

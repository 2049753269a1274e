// The table of docs/jepsen-mutants.md.

import type { TroubleName } from "./outside-catalogue.ts";
import type { OutsideTrial } from "./outside-trial.ts";

export interface Row extends OutsideTrial {
  readonly trouble: TroubleName;
  /** undefined: without a bug. */
  readonly mutant: string | undefined;
  readonly trap: string;
}

const whatMax = 150;

const head = [
  "| mutant | trap | trouble | found after | runs | by which check, and its sentence |",
  "| --- | --- | --- | --- | --- | --- |",
];

export function markdown(rows: readonly Row[], { head: withHead = true } = {}): string {
  return [...(withHead ? head : []), ...rows.map(lineOf)].join("\n");
}

function lineOf({ mutant, trap, trouble, found, seconds, seeds, results }: Row): string {
  const name = mutant === undefined ? "none" : `\`${mutant}\``;
  const after = found === undefined ? "–" : `${seconds.toFixed(0)} s`;
  const cells = [name, trap, trouble, after, String(seeds.length), said({ found, results })];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function said({ found, results }: Pick<Row, "found" | "results">): string {
  if (found === undefined) return short(results.at(-1) ?? "not tried");
  const { check, what, also } = found;
  const others = also.length === 0 ? "" : ` (and ${also.length} more)`;
  return `**${check}**: ${short(what)}${others}`;
}

const short = (text: string): string =>
  text.length <= whatMax ? text : `${text.slice(0, whatMax - 1)}…`;

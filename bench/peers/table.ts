// One table of all systems: medians, ours over theirs, and what was wanted.

import { table } from "../../cli/output.ts";
import { figureText } from "../report.ts";
import { spreadOf } from "../statistics.ts";
import { rows, type ResultLine, type Row } from "./rows.ts";
import { systems, type System } from "./systems.ts";

/** What the scripts add to a system's name where its cluster was new. */
const fresh = "-fresh";

/** Those that ratios are told of. */
const measures = ["rabbitmq", "redis"];

export function peersTable(lines: readonly ResultLine[]): string {
  const there = systems.filter(({ name }) =>
    lines.some(({ system }) => system.replace(fresh, "") === name),
  );
  const known = rows.filter((row) =>
    there.some(({ name }) => valueOf(lines, name, row) !== undefined),
  );
  const compared = there.filter(({ name }) => measures.includes(name));
  return table(
    [
      { title: "" },
      ...there.map(({ title }) => ({ title, align: "right" as const })),
      ...compared.map(({ title }) => ({ title: `÷ ${title}`, align: "right" as const })),
      { title: "wanted" },
    ],
    known.map((row) => [
      row.says,
      ...there.map(({ name }) => textOf(valueOf(lines, name, row))),
      ...compared.map(({ name }) => ratioText(ratioOf(lines, name, row))),
      verdict(lines, compared, row),
    ]),
  );
}

/** Undefined: it was not measured. */
export function valueOf(
  lines: readonly ResultLine[],
  system: string,
  row: Row,
): number | undefined {
  const values = lines
    .filter(
      (line) =>
        line.system === (row.isFresh === true ? `${system}${fresh}` : system) &&
        line.item === row.item &&
        line.size === row.size &&
        line.error === undefined,
    )
    .map((line) => line[row.figure])
    .filter((value) => typeof value === "number");
  const spread = spreadOf(values);
  if (row.of === "max") return spread?.max;
  if (row.of === "sum" && spread !== undefined) return values.reduce((sum, one) => sum + one, 0);
  return spread?.median;
}

/** Ours over theirs. */
function ratioOf(lines: readonly ResultLine[], system: string, row: Row): number | undefined {
  const [ours, theirs] = [valueOf(lines, "raftq", row), valueOf(lines, system, row)];
  return ours === undefined || theirs === undefined || theirs === 0 ? undefined : ours / theirs;
}

function verdict(lines: readonly ResultLine[], compared: readonly System[], row: Row): string {
  const word = row.isMoreBetter ? "at least" : "at most";
  const isGood = (value: number, bound: number): boolean =>
    row.isMoreBetter ? value >= bound : value <= bound;
  const parts: { readonly says: string; readonly isMet: boolean | undefined }[] = [];
  for (const { name, title } of compared) {
    const bound = row.ratios?.[name];
    const ratio = ratioOf(lines, name, row);
    if (bound === undefined) continue;
    parts.push({
      says: `${bound} × ${title}`,
      isMet: ratio === undefined ? undefined : isGood(ratio, bound),
    });
  }
  const ours = valueOf(lines, "raftq", row);
  if (row.limit !== undefined)
    parts.push({
      says: figureText(row.limit),
      isMet: ours === undefined ? undefined : isGood(ours, row.limit),
    });
  if (parts.length === 0) return "";
  return `${word} ${parts
    .map(({ says, isMet }) => `${says}${isMet === undefined ? "" : isMet ? " (met)" : " (MISSED)"}`)
    .join(", ")}`;
}

function textOf(value: number | undefined): string {
  return value === undefined ? "-" : figureText(value);
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? "-" : figureText(ratio);
}

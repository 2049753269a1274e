// The figures of a run, as a table for people; the JSON is the Report as it is.

import { grouped, sheet, table } from "../cli/output.ts";
import type { BenchOptions, Figures, Measured } from "./item.ts";
import type { MachineInfo } from "./machine.ts";
import { spreadOf, type Spread } from "./statistics.ts";
import { isMet, targetOf, type Target } from "./targets.ts";

export interface ItemReport {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** For each repetition what it measured; those that failed are not among them. */
  readonly repetitions: readonly (readonly Measured[])[];
  /** What went wrong, repetition by repetition. */
  readonly failures: readonly string[];
}

export interface Report {
  readonly format: 2;
  readonly at: string;
  /** The commit that was measured; empty: not known. `+`: with changes. */
  readonly revision: string;
  readonly machine: MachineInfo;
  readonly options: BenchOptions;
  readonly items: readonly ItemReport[];
}

/** All repetitions of one case. */
export interface CaseReport {
  readonly label: string;
  readonly all: readonly Measured[];
}

export function casesOf({ repetitions }: ItemReport): readonly CaseReport[] {
  const labels = new Set(repetitions.flatMap((each) => each.map(({ label }) => label)));
  return [...labels].map((label) => ({
    label,
    all: repetitions.flatMap((each) => each.filter((measured) => measured.label === label)),
  }));
}

/** Undefined: unavailable on this machine. */
export function spreadIn({ all }: CaseReport, figure: string): Spread | undefined {
  return spreadOf(all.map(({ figures }) => figures[figure]));
}

export function headline({ machine, options, revision }: Report): string {
  const parts = [
    `${options.nodes} nodes, ${grouped(options.bytes)}-byte bodies, ${grouped(options.keys)} keys`,
    `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`,
    ...(revision === "" ? [] : [`commit ${revision}`]),
  ];
  return parts.join("; ");
}

export function reportText(report: Report): string {
  return [headline(report), ...report.items.map(itemText)].join("\n\n");
}

function itemText(item: ItemReport): string {
  const cases = casesOf(item);
  const failures = item.failures.map((failure) => `FAILED: ${failure}`);
  const [only] = cases;
  let body = "";
  if (only !== undefined) body = cases.length === 1 ? oneCase(item, only) : manyCases(item, cases);
  const lines = [...failures, body].filter((text) => text !== "").join("\n");
  return `${item.title}\n${lines.replace(/^/gm, "  ")}`;
}

function oneCase({ name }: ItemReport, only: CaseReport): string {
  return sheet(
    figureNames([only]).map((figure) => {
      const said = spreadText(spreadIn(only, figure));
      const target = targetText(name, only, figure);
      return [figure, target === "" ? said : `${said.padEnd(12)}  ${target}`];
    }),
  );
}

function manyCases({ name }: ItemReport, cases: readonly CaseReport[]): string {
  const columns = cases.map(({ label }) => ({ title: label, align: "right" as const }));
  const rows = figureNames(cases).map((figure) => [
    figure,
    ...cases.map((one) => spreadText(spreadIn(one, figure), "-")),
    cases
      .map((one) => targetText(name, one, figure))
      .filter((text, index, all) => text !== "" && all.indexOf(text) === index)
      .join(", "),
  ]);
  return table([{ title: "" }, ...columns, { title: "" }], rows);
}

/** In the order in which they were measured, cases that have more among the others. */
export function figureNames(cases: readonly CaseReport[]): readonly string[] {
  const of = ({ all }: CaseReport): readonly Figures[] => all.map(({ figures }) => figures);
  return [...new Set(cases.flatMap(of).flatMap((figures) => Object.keys(figures)))];
}

function spreadText(spread: Spread | undefined, absent = "unavailable here"): string {
  if (spread === undefined) return absent;
  const { median, min, max, count } = spread;
  return count === 1 || min === max
    ? figureText(median)
    : `${figureText(median)} (${figureText(min)} to ${figureText(max)})`;
}

function targetText(item: string, one: CaseReport, figure: string): string {
  const target = targetOf(item, one.label, figure);
  const spread = spreadIn(one, figure);
  if (target === undefined || spread === undefined) return "";
  return `${wanted(target)}: ${isMet(target, spread.median) ? "met" : "MISSED"}`;
}

export function wanted({ atMost, atLeast }: Target): string {
  return atMost === undefined
    ? `at least ${figureText(atLeast ?? NaN)}`
    : `at most ${figureText(atMost)}`;
}

/** Three significant digits are all that a measurement is worth; large ones without a fraction. */
export function figureText(value: number): string {
  return grouped(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** What must hold at any speed and did not, in words. */
export function brokenPromises(report: Report): readonly string[] {
  return report.items.flatMap((item) =>
    casesOf(item).flatMap((one) =>
      figureNames([one]).flatMap((figure) => {
        const target = targetOf(item.name, one.label, figure);
        const worst = spreadIn(one, figure)?.max;
        if (target?.isPromise !== true || worst === undefined || isMet(target, worst)) return [];
        return [`${item.name}: ${figure} is ${figureText(worst)}`];
      }),
    ),
  );
}

// The figures of a run, as a table for people; the JSON is the Report as it is.

import { grouped, sheet } from "../cli/output.ts";
import type { Figures } from "./item.ts";
import type { MachineInfo } from "./machine.ts";

export interface ItemReport {
  readonly name: string;
  readonly title: string;
  /** One per repetition. */
  readonly figures: readonly Figures[];
}

export interface Report {
  readonly at: string;
  readonly machine: MachineInfo;
  readonly nodes: number;
  readonly bytes: number;
  readonly keys: number;
  readonly results: readonly ItemReport[];
}

export function reportText(report: Report): string {
  const { machine } = report;
  const head =
    `${report.nodes} nodes, ${grouped(report.bytes)}-byte bodies, ${grouped(report.keys)} keys; ` +
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`;
  return [head, ...report.results.map(itemText)].join("\n\n");
}

function itemText({ title, figures }: ItemReport): string {
  const names = Object.keys(figures[0] ?? {});
  const lines = names.map((name): readonly [string, string] => {
    const values = figures.map((each) => each[name]).filter((value) => value !== undefined);
    if (values.length === 0) return [name, "unavailable here"];
    const spread =
      values.length === 1
        ? ""
        : `  (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
    return [name, `${figure(median(values))}${spread}`];
  });
  return `${title}\n${sheet(lines).replace(/^/gm, "  ")}`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}

/** Three significant digits are all that a measurement is worth; large ones without a fraction. */
function figure(value: number): string {
  return grouped(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

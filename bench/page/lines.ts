// What changes while something grows: memory over a backlog, memory and latency over an hour.

import { casesOf, spreadIn, type Report } from "../report.ts";
import { drawing, frame, half, lineNames, polyline, type Line, type Size } from "./frame.ts";
import { markup, type Markup } from "./markup.ts";
import { linear } from "./scale.ts";

const named: Size = { ...half, right: 80 };

interface Names {
  readonly title: string;
  readonly x: string;
  readonly y: string;
}

function chart({ title, x, y }: Names, all: readonly Line[]): Markup | undefined {
  const lines = all.filter((line) => line.points.length > 0);
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return undefined;
  const across = linear(Math.max(...points.map(([at]) => at)));
  const up = linear(Math.max(...points.map(([, value]) => value)));
  const axes = frame(named, across, up, { x, y });
  const drawn = lines.map((line) => polyline(axes, line, true));
  return markup`<figure><figcaption>${title}</figcaption>${drawing(named, title, markup`${axes.axes}${drawn}${lineNames(axes, lines)}`)}</figure>`;
}

/** The last repetition: a median of memory would be of no moment. */
export function memoryOverBacklog(report: Report): Markup | undefined {
  const item = report.items.find(({ name }) => name === "backlog");
  const last = item?.repetitions.at(-1)?.[0];
  const lines = (last?.series ?? []).map(({ name, points }, index) => ({
    name,
    colour: index,
    points,
  }));
  return chart(
    { title: "Resident memory over the backlog", x: "messages waiting", y: "MiB" },
    lines,
  );
}

export function soakLatency(report: Report): Markup | undefined {
  const lines = [
    { name: "p50", colour: 0, points: soaked(report, "e2e_p50_ms") },
    { name: "p99", colour: 1, points: soaked(report, "e2e_p99_ms") },
  ];
  return chart({ title: "Soak: end to end", x: "minutes", y: "milliseconds" }, lines);
}

export function soakMemory(report: Report): Markup | undefined {
  const lines = Array.from({ length: report.options.nodes }, (_, index) => ({
    name: `node ${index + 1}`,
    colour: index,
    points: soaked(report, `resident_node_${index + 1}_mib`),
  }));
  return chart({ title: "Soak: resident memory", x: "minutes", y: "MiB" }, lines);
}

function soaked(report: Report, figure: string): Line["points"] {
  const item = report.items.find(({ name }) => name === "soak");
  if (item === undefined) return [];
  const cases = casesOf(item);
  return cases.flatMap((one, index) => {
    const spread = spreadIn(one, figure);
    const minutes = (report.options.minutes * (index + 1)) / cases.length;
    return spread === undefined ? [] : [[minutes, spread.median] as const];
  });
}

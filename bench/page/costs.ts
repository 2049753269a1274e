// What a message costs, item by item.

import { casesOf, figureText, spreadIn, type CaseReport, type Report } from "../report.ts";
import { markup, type Markup } from "./markup.ts";

const columns: readonly (readonly [figure: string, head: string, unit: string])[] = [
  ["cpu_s_per_100k", "CPU", "s per 100,000"],
  ["disk_bytes_per_message", "disk", "bytes"],
  ["network_bytes_per_message", "network", "bytes"],
  ["loop_delay_p99_ms", "loop delay p99", "ms"],
  ["resident_max_mib", "resident", "MiB"],
];

export function costs(report: Report): Markup | undefined {
  const rows = report.items.flatMap((item) =>
    casesOf(item)
      .filter((one) => spreadIn(one, "cpu_s_per_100k") !== undefined)
      .map((one) => rowOf(item.title, one)),
  );
  if (rows.length === 0) return undefined;
  const heads = columns.map(([, head, unit]) => markup`<th>${head} <small>${unit}</small></th>`);
  return markup`<div class="wide"><table><thead><tr><th></th>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function rowOf(title: string, one: CaseReport): Markup {
  const cells = columns.map(([figure]) => {
    const spread = spreadIn(one, figure);
    return markup`<td>${spread === undefined ? "–" : figureText(spread.median)}</td>`;
  });
  const label = one.label === "" ? title : `${title}: ${one.label}`;
  return markup`<tr><th>${label}</th>${cells}</tr>`;
}

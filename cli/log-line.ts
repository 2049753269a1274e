// A server's JSON log line (pino) as one line for people.

import { printable, type Paint } from "./output.ts";

/** pino's own fields, and those that the line's text or its beginning says already. */
const hidden = new Set([
  ...["level", "time", "pid", "hostname", "msg", "err"],
  ...["node", "role", "term", "leader"],
]);
const warning = 40;
const failure = 50;

/** Who leads, and what is wrong: the rest is in the log file for whom it interests. */
export function isNews(line: string): boolean {
  const fields = parse(line);
  if (fields === undefined) return true;
  return "role" in fields || (typeof fields["level"] === "number" && fields["level"] >= warning);
}

export function logLine(nodeId: number, line: string, paint: Paint): string {
  const name = `node ${nodeId}`;
  const fields = parse(line);
  if (fields === undefined) return `${paint.dim(name)}  ${printable(line)}`;
  const { level, time, msg, err } = fields;
  const clock = typeof time === "number" ? new Date(time).toTimeString().slice(0, 8) : "        ";
  const rest = Object.entries(fields)
    .filter(([field]) => !hidden.has(field))
    .map(([field, value]) => `${field}=${shown(value)}`);
  const text = [shown(msg ?? ""), ...rest, ...causeOf(err)].join("  ");
  const grave = typeof level === "number" ? level : 0;
  const colour = grave >= failure ? paint.bad : grave >= warning ? paint.warn : undefined;
  return `${paint.dim(`${clock}  ${name}`)}  ${colour === undefined ? text : colour(text)}`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // Not JSON: a stack trace, or the runtime's own last words.
    return undefined;
  }
}

function shown(value: unknown): string {
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

function causeOf(error: unknown): string[] {
  if (typeof error !== "object" || error === null) return [];
  const { message } = error as { message?: unknown };
  return typeof message === "string" ? [`(${printable(message)})`] : [];
}

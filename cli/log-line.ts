// A server's JSON log line (pino) as one line for people.

import { printable, type Paint } from "./output.ts";

/** pino's own fields, and those that every line of a node repeats. */
const hidden = new Set(["level", "time", "pid", "hostname", "msg", "node", "nodeId", "err"]);

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
  const colour =
    typeof level !== "number" || level < 40 ? undefined : level < 50 ? paint.warn : paint.bad;
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

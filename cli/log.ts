// `raftq log`: what the log on a disk holds. Reads only, asks no server, and may run beside the node whose log it is.

import type { Command } from "commander";
import {
  inspectLogFile,
  logFilesOf,
  type CommandView,
  type EntryView,
  type InspectRange,
  type SegmentEnd,
} from "../node/index.ts";
import { CommandError, UsageError } from "./failure.ts";
import { grouped, painter, print, printable, type Paint } from "./output.ts";
import { remoteOf, wholeNumber } from "./remote.ts";

interface LogFlags {
  readonly data?: string;
  readonly clusterId?: string;
  readonly from?: string;
  readonly to?: string;
}

export function addLogCommand(program: Command): void {
  program
    .command("log")
    .description("what the log on a disk holds, entry by entry; changes nothing")
    .argument("[file...]", "segment files, copied or linked from a data directory")
    .option("--data <dir>", "the data directory of a node; the node may run")
    .option("--cluster-id <text>", "with --data: refuse the directory of another cluster")
    .option("--from <index>", "first entry")
    .option("--to <index>", "last entry")
    .addHelpText(
      "after",
      `
One line for each entry: index, term, time of the leader's clock, kind, what it asks for. Entries at the end need not be
committed. Files are shown in the order of the log; a later one of a higher generation takes the place of what was before it
(a snapshot arrived). A torn end is where the node was writing, or was killed; "damaged" is said, with exit code 1, where whole
entries follow.

--json prints one line for each entry:
  {"file","generation","index","term","kind","chain","chainBefore","stamp","commands":[{"session","sequence","op",…}]}
and {"file","end":"torn"|"damaged","offset","expected"} where a file ends badly. Bytes are text, or {"base64":"…"}.

Examples:
  raftq log --data /var/lib/raftq --from 120000
  raftq log --json backup/*.log | jq -c 'select(.commands[].op == "purge")'`,
    )
    .action(async (files: string[], flags: LogFlags, command: Command) => {
      await showLog(files, flags, remoteOf(command).json);
    });
}

async function showLog(files: readonly string[], flags: LogFlags, json: boolean): Promise<void> {
  const range = rangeOf(flags);
  const paint = painter(process.stdout, process.env);
  const paths = await pathsOf(files, flags, json, paint);
  const damaged: string[] = [];
  for (const path of paths) {
    const end = await showFile(path, range, files.length === 0, (entry) =>
      json ? JSON.stringify(entry) : entryLine(entry, paint),
    );
    if (end === undefined || end.kind === "end") continue;
    await print(json ? endJson(path, end) : endLine(path, end, paint));
    if (end.kind === "damaged") damaged.push(path);
  }
  if (damaged.length > 0) {
    const first = damaged[0] ?? "";
    const more = damaged.length > 1 ? `, and ${damaged.length - 1} more files` : "";
    throw new CommandError(
      `${first}${more}: damaged; a node does not start on it: replace that node (docs/operations.md)`,
    );
  }
}

function rangeOf({ from, to }: LogFlags): InspectRange {
  const max = Number.MAX_SAFE_INTEGER;
  const range = {
    from: from === undefined ? undefined : wholeNumber("--from", from, 1, max),
    to: to === undefined ? undefined : wholeNumber("--to", to, 1, max),
  };
  if ((range.from ?? 1) > (range.to ?? max))
    throw new UsageError("--from: is behind --to; nothing lies between them");
  return range;
}

async function pathsOf(
  files: readonly string[],
  { data, clusterId }: LogFlags,
  json: boolean,
  paint: Paint,
): Promise<readonly string[]> {
  if ((data === undefined) === (files.length === 0))
    throw new UsageError("give either --data or segment files");
  if (data === undefined) {
    if (clusterId !== undefined)
      throw new UsageError("--cluster-id: needs --data; a segment file does not say whose it is");
    return files;
  }
  const found = await logFilesOf(data, clusterId);
  const many = `${grouped(found.paths.length)} segment ${found.paths.length === 1 ? "file" : "files"}`;
  if (!json) await print(paint.dim(`node ${found.nodeId} of cluster ${found.clusterId}, ${many}`));
  return found.paths;
}

/** `mayGo`: a running node may remove it meanwhile; then there is nothing to say. */
async function showFile(
  path: string,
  range: InspectRange,
  mayGo: boolean,
  lineOf: (entry: EntryView) => string,
): Promise<SegmentEnd | undefined> {
  const pages = inspectLogFile(path, range);
  try {
    for (;;) {
      const next = await pages.next();
      if (next.done === true) return next.value;
      await print(next.value.map(lineOf).join("\n"));
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && mayGo) return undefined;
    if (code === "ENOENT") throw new CommandError(`${path}: there is no such file`);
    if (code === "EISDIR")
      throw new CommandError(`${path} is a directory: name its .log files, or use --data`);
    throw error;
  }
}

type BadEnd = Exclude<SegmentEnd, { kind: "end" }>;

function endJson(file: string, { kind, offset, expected }: BadEnd): string {
  return JSON.stringify({ file, end: kind, offset, expected });
}

function endLine(file: string, end: BadEnd, paint: Paint): string {
  const where = `${file} at byte ${grouped(end.offset)}: not ${end.expected}`;
  if (end.kind === "torn")
    return paint.warn(`torn: ${where}; nothing whole follows: written just now, or cut by a crash`);
  const later = end.later;
  const follows =
    later === undefined
      ? ""
      : `; entry ${grouped(later.index)} is whole at byte ${grouped(later.offset)}`;
  return paint.bad(`damaged: ${where}${follows}`);
}

/** One line: index, term, time, and what was asked for. */
export function entryLine(entry: EntryView, paint: Paint): string {
  const { index, term, stamp, kind } = entry;
  const time = stamp === 0 ? "-".padEnd(24) : new Date(stamp).toISOString();
  const place = `${grouped(index).padStart(11)}  ${String(term).padStart(5)}`;
  return `${place}  ${paint.dim(time)}  ${kind.padEnd(10)}  ${summary(entry)}`.trimEnd();
}

function summary({ commands, voters, learners, unreadable, payloadBytes }: EntryView): string {
  if (unreadable !== undefined)
    return `unreadable, ${grouped(payloadBytes ?? 0)} bytes: ${printable(unreadable)}`;
  if (voters !== undefined) {
    const more =
      learners === undefined || learners.length === 0 ? "" : `, learners ${learners.join(" ")}`;
    return `voters ${voters.join(" ")}${more}`;
  }
  const [only] = commands;
  if (commands.length === 1 && only !== undefined) return single(only);
  const counts = new Map<string, number>();
  for (const command of commands) {
    const name = [command.op, queueOf(command)].filter((part) => part !== "").join(" ");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name} ×${count}`)).join(", ");
}

function queueOf(command: CommandView): string {
  const name = command["queue"] ?? command["name"];
  return typeof name === "string" ? printable(name) : "";
}

/** Of a line's last part, so that a line stays one on most screens. Unit: characters. */
const detailsMax = 100;

function single(command: CommandView): string {
  const { session, sequence, op, ...fields } = command;
  const details = Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const shown = printable(details);
  const cut = shown.length > detailsMax ? `${shown.slice(0, detailsMax - 1)}…` : shown;
  const who = session === 0 ? "" : ` (session ${session}, number ${sequence})`;
  return `${op}${cut === "" ? "" : ` ${cut}`}${who}`;
}

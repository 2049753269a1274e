// Reads the files of a run and puts them together: each invocation with its completion, all in order of time.
//
//   D1. A file is one process's, and a process has one file: `op` is unique within it (H2).
//   D2. What cannot be understood is an error that names file and line; only the last line may be torn, which a process that was
//       killed in the middle of a write leaves. It is counted.
//   D3. A completion belongs to an earlier invocation, and there is at most one.

import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Call, History } from "../checkers/contract.ts";
import { lineOf } from "./line.ts";
import type { Completed, Delivered, Invoked, Line, Noted } from "./record.ts";

export interface ReadHistory {
  readonly history: History;
  readonly lines: number;
  /** Files whose last line is torn (D2). */
  readonly torn: readonly string[];
}

/** The history files of a directory, by name. */
export function historyFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .map((name) => join(directory, name));
}

/** @throws {Error} that names file and line (D1-D3) */
export async function readHistory(files: readonly string[]): Promise<ReadHistory> {
  const owners = new Map<string, string>();
  const torn: string[] = [];
  const calls: Call[] = [];
  const delivered: Delivered[] = [];
  const notes: Noted[] = [];
  let lines = 0;
  for (const file of files) {
    const reading = new OneFile();
    let number = 0;
    for await (const { text, ends } of linesIn(file)) {
      number += 1;
      // A whole line that lacks only its newline says what it says; an empty one nothing.
      const line = ends ? parsed(text, file, number) : parsedOr(text);
      if (line === undefined) {
        torn.push(file);
        continue;
      }
      lines += 1;
      const owner = owners.get(line.process) ?? file;
      const problem =
        owner === file ? reading.add(line) : `process ${line.process} has a file already: ${owner}`;
      if (problem !== "") throw new Error(`${file}:${number}: ${problem}`);
      owners.set(line.process, file);
    }
    for (const call of reading.calls.values()) calls.push(call);
    for (const one of reading.delivered) delivered.push(one);
    for (const one of reading.notes) notes.push(one);
  }
  calls.sort((a, b) => a.asked.time - b.asked.time);
  delivered.sort((a, b) => a.time - b.time);
  notes.sort((a, b) => a.time - b.time);
  return { history: { calls, delivered, notes }, lines, torn };
}

class OneFile {
  readonly calls = new Map<number, { readonly asked: Invoked; told?: Completed }>();
  readonly delivered: Delivered[] = [];
  readonly notes: Noted[] = [];
  #process: string | undefined;

  /** Empty: it fits. Else what is wrong. */
  add(line: Line): string {
    this.#process ??= line.process;
    if (line.process !== this.#process)
      return `a line of process ${line.process} in the file of ${this.#process}`;
    switch (line.type) {
      case "invoke":
        if (this.calls.has(line.op)) return `op ${line.op} is invoked twice`;
        this.calls.set(line.op, { asked: line });
        return "";
      case "delivered":
        this.delivered.push(line);
        return "";
      case "note":
        this.notes.push(line);
        return "";
      case "ok":
      case "fail":
      case "unknown":
        return this.#complete(line);
    }
  }

  #complete(line: Completed): string {
    const call = this.calls.get(line.op);
    if (call === undefined) return `op ${line.op} is completed, and was not invoked before`;
    if (call.told !== undefined) return `op ${line.op} is completed twice`;
    if (line.time < call.asked.time) return `op ${line.op} is completed before it was invoked`;
    call.told = line;
    return "";
  }
}

function parsed(text: string, file: string, number: number): Line {
  try {
    return lineOf(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file}:${number}: ${why}`, { cause });
  }
}

function parsedOr(text: string): Line | undefined {
  try {
    return lineOf(text);
  } catch {
    return undefined;
  }
}

async function* linesIn(file: string): AsyncGenerator<{ text: string; ends: boolean }> {
  let rest = "";
  for await (const chunk of createReadStream(file, "utf8") as AsyncIterable<string>) {
    const pieces = `${rest}${chunk}`.split("\n");
    rest = pieces.pop() ?? "";
    for (const text of pieces) yield { text, ends: true };
  }
  if (rest !== "") yield { text: rest, ends: false };
}

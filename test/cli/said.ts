// A command line as a shell would run it, in this process.

import { expect } from "vitest";
import { run } from "../../cli/program.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs it, and takes what it says. */
export async function saidBy(...words: string[]): Promise<Said> {
  const said = { out: "", err: "" };
  const writeOut = process.stdout.write.bind(process.stdout);
  const writeErr = process.stderr.write.bind(process.stderr);
  const taking = (to: "out" | "err") =>
    ((text: string, done?: (error?: Error) => void) => {
      said[to] += text;
      done?.();
      return true;
    }) as typeof process.stdout.write;
  process.stdout.write = taking("out");
  process.stderr.write = taking("err");
  try {
    return { code: await run(words), ...said };
  } finally {
    process.stdout.write = writeOut;
    process.stderr.write = writeErr;
  }
}

/** Of a command line with --json: the line, or lines, as values. */
export async function valuesOf(...words: string[]): Promise<unknown[]> {
  const { code, out, err } = await saidBy(...words);
  expect([code, err]).toEqual([0, ""]);
  return out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

// The system's own tools, started as an operator would start them.

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

export interface Ran {
  /** Null: it could not be started, or it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const outputBytesMax = 16 * 1024 * 1024;

/** Tools of an administrator are often not on a user's path. */
export const searchPath = [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter);

/** Never throws for what the command does. Default: it may take 30 s. */
export function run(file: string, args: readonly string[], msMax = 30_000): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: searchPath, LC_ALL: "C" };
    const options = { env, timeout: msMax, maxBuffer: outputBytesMax };
    execFile(file, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
      else resolve({ code: null, stdout, stderr: stderr === "" ? error.message : stderr });
    });
  });
}

/**
 * What it prints.
 * @throws with what it said when it does not end with 0.
 */
export async function must(file: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(file, args);
  if (code !== 0) throw new Error(`${[file, ...args].join(" ")}: ${stderr.trim()} (code ${code})`);
  return stdout;
}

/** The first of the tools that is not there; undefined: all are. */
export async function missing(...tools: readonly string[]): Promise<string | undefined> {
  for (const tool of tools) if (!(await isThere(tool))) return tool;
  return undefined;
}

async function isThere(tool: string): Promise<boolean> {
  for (const directory of searchPath.split(delimiter)) {
    try {
      await access(join(directory, tool), constants.X_OK);
      return true;
    } catch {
      continue;
    }
  }
  return false;
}

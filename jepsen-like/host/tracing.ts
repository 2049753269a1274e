// System calls of a running node that fail, dawdle or kill, by strace's injection: no library, no kernel module, and the binary
// is the one that people run.
//   TR1. strace counts calls per thread and per kind of call (`when=`). Where the N-th sync is meant exactly, the node runs with one
//        thread in its pool, and one kind of call is injected (power-loss.ts).
//   TR2. Detaching leaves the node as it was; a node that ended takes its tracer with it.

import { spawn, type ChildProcess } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "../cluster/contract.ts";
import { missing, run, searchPath } from "./command.ts";
import { hold, release } from "./leftovers.ts";
import { tracerOf } from "./processes.ts";

const attachMsMax = 5_000;
const detachMsMax = 2_000;

/** Undefined: a process of ours can be traced here, and calls injected. */
export async function whyNoTracing(): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux";
  if ((await missing("strace")) !== undefined) return "strace is not installed";
  const flags = ["-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "true"];
  const { code, stderr } = await run("strace", flags);
  if (code !== 0) return `strace cannot trace here: ${stderr.trim().split("\n")[0] ?? ""}`;
  // To attach to a process that is no child takes more than to start one (ptrace_scope).
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    if (sleeper.pid === undefined) return "sleep is not installed";
    const trace = await Trace.attach(
      sleeper.pid,
      { calls: ["fsync"], what: "error=EIO" },
      "/dev/null",
    );
    await trace.detach();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    sleeper.kill("SIGKILL");
  }
}

export interface Injection {
  readonly calls: readonly string[];
  /** As strace writes it: "error=EIO", "delay_enter=200000:when=3+", "signal=SIGKILL:when=7". */
  readonly what: string;
  /** Only calls on this file; others are not traced. */
  readonly path?: string;
}

/** The calls that make data durable. */
export const syncs = ["fsync", "fdatasync"] as const;

export class Trace {
  readonly #child: ChildProcess;
  readonly #log: string;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
  }

  /**
   * `log`: where strace writes the calls.
   * @throws when it is not attached within five seconds.
   */
  static async attach(pid: number, injection: Injection, log: string): Promise<Trace> {
    const child = spawn("strace", ["-f", "-p", String(pid), ...flagsOf(injection, log)], {
      env: { ...process.env, PATH: searchPath },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let complaint = "";
    child.stderr.on("data", (text: Buffer) => (complaint += text.toString()));
    child.once("error", (error) => (complaint += error.message));
    const name = `strace ${pid} ${log}`;
    hold(name, () => void child.kill("SIGTERM"));
    child.once("close", () => release(name));
    const trace = new Trace(child, log);
    const deadline = Date.now() + attachMsMax;
    while (child.pid === undefined || tracerOf(pid) !== child.pid) {
      if (trace.#isGone || Date.now() > deadline) {
        await trace.detach();
        throw new Error(`strace did not attach to ${pid}: ${complaint.trim()}`);
      }
      await sleep(10);
    }
    return trace;
  }

  get #isGone(): boolean {
    return (
      this.#child.exitCode !== null ||
      this.#child.signalCode !== null ||
      this.#child.pid === undefined
    );
  }

  /** How many calls were tampered with so far. */
  async injected(): Promise<number> {
    return countInjected(await readFile(this.#log, "utf8").catch(() => ""));
  }

  /** TR2. */
  async detach(): Promise<void> {
    if (this.#isGone) return;
    const gone = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), detachMsMax);
    await gone;
    clearTimeout(late);
  }

  async removeLog(): Promise<void> {
    await rm(this.#log, { force: true });
  }
}

export function countInjected(log: string): number {
  return log.split("\n").filter((line) => /\((INJECTED|DELAYED)/.test(line)).length;
}

/** Starts a node under strace, which is no parent of it: the process that one sees is the node itself. */
export function traced(command: Command, injection: Injection | undefined, log: string): Command {
  const flags = ["-D", "-f", "-y", ...flagsOf(injection ?? { calls: syncs, what: "" }, log)];
  return { ...command, file: "strace", args: [...flags, command.file, ...command.args] };
}

function flagsOf({ calls, what, path }: Injection, log: string): string[] {
  return [
    ...["-o", log, "-e", `trace=${[...new Set([...calls, ...syncs])].join(",")}`],
    ...(what === "" ? [] : ["-e", `inject=${calls.join(",")}:${what}`]),
    ...(path === undefined ? [] : ["-P", path]),
  ];
}

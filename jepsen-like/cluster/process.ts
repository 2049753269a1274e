// One server process, started by a command that a fault may have wrapped (strace, a namespace, a faked clock).
//   PR1. It does not outlive us: it holds a pipe as standard input and ends when that closes, also after `kill -9` of ourselves.
//   PR2. Killing it kills all that the command started; other signals go to the server itself, not to what is wrapped around it.

import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, readFileSync, readlinkSync, type WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "./contract.ts";

const tailLinesMax = 20;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastLines: readonly string[];
}

export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #tail: string[] = [];
  /** Resolves when the process is gone and all that it wrote is in the log. */
  readonly ended: Promise<Ended>;
  /** Set before what ends it, so that its end is no surprise. */
  isToEnd = false;
  isPaused = false;

  /** What it writes is appended to `logFile`. */
  constructor(command: Command, logFile: string) {
    const log = createWriteStream(logFile, { flags: "a" });
    this.#child = spawn(command.file, command.args, {
      env: command.env,
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own: Ctrl-C reaches us alone, and `kill` reaches all of it.
      detached: true,
    });
    // The pipe breaks when the child dies; its end is seen below.
    this.#child.stdin?.on("error", () => undefined);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => this.#heard(line, log));
    this.ended = this.#end(log);
  }

  get lastLines(): readonly string[] {
    return [...this.#tail];
  }

  /** Of the server itself; while a wrapper is still on its way to start it, of the wrapper. Undefined: it could not be started. */
  get pid(): number | undefined {
    const { pid } = this.#child;
    return pid === undefined ? undefined : innermost(pid);
  }

  /** To the server itself (PR2). */
  signal(name: "SIGTERM" | "SIGSTOP" | "SIGCONT"): void {
    const { pid } = this;
    if (pid === undefined) return;
    this.isPaused = name === "SIGSTOP" || (this.isPaused && name !== "SIGCONT");
    attempt(() => process.kill(pid, name));
  }

  /** SIGKILL to it and to all that is wrapped around it. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    const inner = innermost(pid);
    attempt(() => process.kill(inner, "SIGKILL"));
    attempt(() => process.kill(-pid, "SIGKILL"));
  }

  #heard(line: string, log: WriteStream): void {
    log.write(`${line}\n`);
    this.#tail.push(line);
    if (this.#tail.length > tailLinesMax) this.#tail.shift();
  }

  async #end(log: WriteStream): Promise<Ended> {
    const how = await new Promise<Pick<Ended, "code" | "signal">>((resolve) => {
      this.#child.once("error", (error) => {
        this.#heard(`could not be started: ${error.message}`, log);
        resolve({ code: null, signal: null });
      });
      this.#child.once("close", (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve) => log.end(() => resolve()));
    return { ...how, lastLines: this.lastLines };
  }
}

/** The last of a chain of processes: strace or a shell starts the server as its child, others become it. */
function innermost(pid: number): number {
  let last = pid;
  for (let depth = 0; depth < 10; depth++) {
    const children = childrenOf(last);
    const [child] = children.length === 1 ? children : children.filter(isOurBinary);
    if (child === undefined) return last;
    last = child;
  }
  return last;
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isOurBinary(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === process.execPath;
  } catch {
    return false;
  }
}

/** The process may be gone by now. */
function attempt(signal: () => void): void {
  try {
    signal();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

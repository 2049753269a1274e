// How late the event loops of the nodes are: the parent's end of loop-delay.cts.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { nowMs } from "./body.ts";

/** A node whose loop stands still for longer than this has no answer. */
const answerMsMax = 5_000;
const preload = fileURLToPath(new URL("./loop-delay.cjs", import.meta.url));

/** In milliseconds; the timers of an idle loop come a little late too. */
export interface LoopDelay {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class LoopDelays {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = join(directory, "loop-delays");
    mkdirSync(this.#directory, { recursive: true });
  }

  /** For the servers that are to be asked. */
  get environment(): Readonly<Record<string, string>> {
    const given = process.env["NODE_OPTIONS"] ?? "";
    return {
      NODE_OPTIONS: `${given} --require ${JSON.stringify(preload)}`.trim(),
      RAFTQ_BENCH_LOOP_DELAYS: this.#directory,
    };
  }

  /** Of each process since it was asked last; undefined: it did not answer. */
  async take(pids: readonly number[]): Promise<readonly (LoopDelay | undefined)[]> {
    return await Promise.all(pids.map((pid) => this.#takeOne(pid)));
  }

  async #takeOne(pid: number): Promise<LoopDelay | undefined> {
    const file = join(this.#directory, `${pid}.json`);
    rmSync(file, { force: true });
    try {
      process.kill(pid, "SIGUSR2");
    } catch {
      return undefined;
    }
    const deadline = nowMs() + answerMsMax;
    while (nowMs() < deadline) {
      await sleep(2);
      try {
        return JSON.parse(readFileSync(file, "utf8")) as LoopDelay;
      } catch {
        // Not yet.
      }
    }
    return undefined;
  }
}

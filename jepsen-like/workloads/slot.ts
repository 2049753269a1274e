// One worker process and its successors, as the controller sees them.
//
//   S1. A life has a name and a history file of its own: "p3.2". It begins when the one before it is gone.
//   S2. A process that ends by itself before it was told to close is a complaint.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Counts } from "./calls.ts";
import type { Database } from "./database.ts";
import type { FromWorker, ToWorker, WorkerOptions } from "./protocol.ts";

/** The built file, whether this one runs from the sources (tests) or from dist/. */
const workerFile = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../../dist/jepsen-like/workloads/worker.js" : "./worker.js",
    import.meta.url,
  ),
);
const tailCharactersMax = 2_000;

export interface SlotOptions {
  readonly name: string;
  readonly directory: string;
  /** What its next life is to do. */
  readonly next: (
    life: number,
  ) => Omit<WorkerOptions, "process" | "slot" | "file" | "historyBefore">;
  readonly database: Database;
  readonly complain: (what: string) => void;
}

export class Slot {
  readonly name: string;
  readonly files: string[] = [];
  readonly #options: SlotOptions;
  #life = 0;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #mayEnd = false;
  #stopped: { readonly promise: Promise<void>; resolve: () => void } = deferred();
  #past: Counts = { ok: 0, fail: 0, unknown: 0 };
  #present: Counts = { ok: 0, fail: 0, unknown: 0 };

  constructor(options: SlotOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Calls of all its lives; of a killed one up to half a second before its end. */
  get counts(): Counts {
    return sum(this.#past, this.#present);
  }

  start(): void {
    if (this.#child !== undefined) return;
    const life = ++this.#life;
    const process = `${this.name}.${life}`;
    const file = join(this.#options.directory, `${process}.jsonl`);
    const before = this.files.at(-1);
    const worker: WorkerOptions = {
      ...this.#options.next(life),
      ...(before === undefined ? {} : { historyBefore: before }),
      process,
      slot: this.name,
      file,
    };
    // By now: it may be killed before it does anything.
    writeFileSync(file, "", { flag: "wx" });
    this.files.push(file);
    const child = fork(workerFile, [JSON.stringify(worker)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: [],
    });
    this.#child = child;
    this.#mayEnd = false;
    this.#stopped = deferred();
    this.#past = this.counts;
    this.#present = { ok: 0, fail: 0, unknown: 0 };
    let tail = "";
    for (const output of [child.stdout, child.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        tail = `${tail}${text}`.slice(-tailCharactersMax);
      });
    }
    child.on("message", (message: FromWorker) => this.#heard(child, process, message));
    child.on("error", () => undefined);
    this.#gone = once(child, "close").then((ending) => {
      const [code, signal] = ending as [number | null, string | null];
      this.#child = undefined;
      this.#stopped.resolve();
      if (this.#mayEnd) return;
      const how = signal === null ? `with code ${code ?? -1}` : `by ${signal}`;
      this.#options.complain(`worker ${process} ended by itself, ${how}: ${tail}`);
    });
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#child?.kill("SIGKILL");
    await this.#gone;
  }

  /** It hangs for `ms`: longer than its leases, perhaps, and knows nothing of it afterwards. */
  async pause(ms: number, ends: AbortSignal): Promise<void> {
    const child = this.#child;
    child?.kill("SIGSTOP");
    await sleep(ms, undefined, { signal: ends }).catch(() => undefined);
    child?.kill("SIGCONT");
  }

  /** Producers end; resolves to false when they have not within `msMax`. */
  async stop(msMax: number): Promise<boolean> {
    if (this.#child === undefined) return true;
    this.#tell({ kind: "stop" });
    return within(this.#stopped.promise, msMax);
  }

  /** The process ends; resolves to false when it had to be killed after `msMax`. */
  async close(msMax: number): Promise<boolean> {
    if (this.#child === undefined) return true;
    this.#mayEnd = true;
    this.#tell({ kind: "close" });
    if (await within(this.#gone, msMax)) return true;
    await this.kill();
    return false;
  }

  #tell(message: ToWorker): void {
    // It may have died a moment ago: its end is seen elsewhere.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
  }

  #heard(child: ChildProcess, process: string, message: FromWorker): void {
    switch (message.kind) {
      case "counts":
        this.#present = message.counts;
        return;
      case "stopped":
        this.#stopped.resolve();
        return;
      case "complaint":
        this.#options.complain(`${process}: ${message.what}`);
        return;
      case "write": {
        const written = this.#options.database.put(message.write);
        if (child === this.#child) this.#tell({ kind: "written", id: message.id, written });
      }
    }
  }
}

export function sum(one: Counts, other: Counts): Counts {
  return {
    ok: one.ok + other.ok,
    fail: one.fail + other.fail,
    unknown: one.unknown + other.unknown,
  };
}

function deferred(): { readonly promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((resolved) => (resolve = resolved));
  return { promise, resolve };
}

async function within(promise: Promise<void>, msMax: number): Promise<boolean> {
  const late = new AbortController();
  const timer = sleep(msMax, false, { signal: late.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), timer]);
  } finally {
    late.abort();
  }
}

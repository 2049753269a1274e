// The processes of the power-loss sweep: as few and as bare as can be, for they are started a thousand times.
//   SN1. No process outlives this one: each holds a pipe as standard input and ends when that closes.
//   SN2. A node comes back on the same ports and the same directory.

import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Command } from "../cluster/contract.ts";

const host = "127.0.0.1";
const lastLinesMax = 12;

/** The built binary, whether this file runs from the sources (tests) or from dist/. */
const binary = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "../../dist/cli/raftq.cjs" : "../../cli/raftq.cjs",
    import.meta.url,
  ),
);

/** Small segments, so that a short run makes new ones too; no reserve, whose syncs would be most of the first hundred. */
const flags = [
  "--segment-bytes",
  "65536",
  "--disk-reserve-bytes",
  "0",
  "--disk-free-min-bytes",
  "0",
];

interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
  readonly serving: Promise<boolean>;
  readonly lastLines: string[];
}

export class SweepNodes {
  readonly ids: readonly number[];
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly #processes = new Map<number, Process>();

  private constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#ports = ports;
    this.ids = Array.from({ length: ports.length / 2 }, (_, index) => index + 1);
  }

  static async make(directory: string, count: number): Promise<SweepNodes> {
    return new SweepNodes(directory, await freePorts(2 * count));
  }

  get endpoints(): readonly string[] {
    return this.ids.map((id) => this.#address(id, 0));
  }

  /** What a disk may be mounted over. */
  diskOf(id: number): string {
    return join(this.#directory, `node-${id}`, "disk");
  }

  /** `wrap`: the command as it is to be run. */
  start(id: number, wrap = (command: Command): Command => command): void {
    mkdirSync(this.diskOf(id), { recursive: true });
    const addresses = ["--listen", this.#address(id, 0), "--peer-listen", this.#address(id, 1)];
    const members = this.ids.flatMap((node) => {
      return ["--member", `${node}=${this.#address(node, 1)}/${this.#address(node, 0)}`];
    });
    const args = [
      ...[binary, "server", "--exit-with-stdin", "--node-id", String(id), "--cluster-id", "sweep"],
      ...["--data", join(this.diskOf(id), "data"), ...addresses, ...members, ...flags],
    ];
    this.#processes.set(id, this.#run(id, wrap({ file: process.execPath, args, env: {} })));
  }

  #run(id: number, { file, args, env }: Command): Process {
    const child = spawn(file, [...args], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => undefined);
    const log = createWriteStream(join(this.#directory, `node-${id}`, "server.log"), {
      flags: "a",
    });
    const lastLines: string[] = [];
    let isServing: (() => void) | undefined;
    const served = new Promise<boolean>((resolve) => (isServing = () => resolve(true)));
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        log.write(`${line}\n`);
        lastLines.push(line);
        if (lastLines.length > lastLinesMax) lastLines.shift();
        if (line.includes('"msg":"serving"')) isServing?.();
      });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    });
    void ended.then(() => log.end());
    return { child, ended, serving: Promise.race([served, ended.then(() => false)]), lastLines };
  }

  /** How it ended: "SIGKILL", "code 70" … */
  ended(id: number): Promise<string> {
    return this.#process(id).ended;
  }

  /** False: it ended instead. */
  serving(id: number): Promise<boolean> {
    return this.#process(id).serving;
  }

  lastLines(id: number): readonly string[] {
    return this.#process(id).lastLines;
  }

  /** SIGKILL, to all of them before the first has ended. */
  async kill(ids: readonly number[] = [...this.#processes.keys()]): Promise<void> {
    const started = ids.flatMap((id) => this.#processes.get(id) ?? []);
    for (const { child } of started) child.kill("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
  }

  #process(id: number): Process {
    const found = this.#processes.get(id);
    if (found === undefined) throw new Error(`node ${id} was never started`);
    return found;
  }

  #address(id: number, which: 0 | 1): string {
    return `${host}:${this.#ports[2 * (id - 1) + which] ?? 0}`;
  }
}

let nextPort = 20_000 + ((process.pid * 97) % 8_000);

/** Below the range from which systems give ports to outgoing connections: none is taken while its node is down (SN2). */
async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === 1_000) throw new Error("found no free ports between 20,000 and 30,000");
    const port = 20_000 + (nextPort++ % 10_000);
    if (await isFree(port)) found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

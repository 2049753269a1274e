// A process of a run: plays roles against the cluster and writes down what it asked and saw. Its argument is WorkerOptions as JSON.
//
//   P1. Phases: run; "stop": producers end, consumers go on; "close": all end, the clients are closed, the process exits with 0.
//   P2. It ends within a bound after "close", whatever the cluster does, and at once when its controller is gone.
//   P3. No answer of the cluster ends it. What no cluster should ever answer is a complaint.

import { setMaxListeners } from "node:events";
import { connect, QueueError, type Client } from "../../client/index.ts";
import { HistoryWriter } from "../history/writer.ts";
import { randomFrom } from "../nemesis/random.ts";
import { Calls, type Counts, type Shared } from "./calls.ts";
import { workloadsNamed } from "./catalogue.ts";
import type { Write, Written } from "./database.ts";
import { pause } from "./pacing.ts";
import type { FromWorker, ToWorker, WorkerOptions } from "./protocol.ts";
import type { RoleOf } from "./workload.ts";

const countsEveryMs = 500;
const connectAgainMs = 200;
/** P2: longer than any call may wait for its answer. */
const closeMsMax = 15_000;
const exitCodes = { closed: 0, late: 3, alone: 4 } as const;

const options = JSON.parse(process.argv[2] ?? "") as WorkerOptions;
const writer = new HistoryWriter(options.file, options.process);
const counts: Counts = { ok: 0, fail: 0, unknown: 0 };
const stopping = new AbortController();
const closing = new AbortController();
setMaxListeners(0, stopping.signal, closing.signal);
const writes = new Map<number, (written: Written) => void>();
let writesSent = 0;

const tell = (message: FromWorker): void => void process.send?.(message);
const complain = (what: string): void => tell({ kind: "complaint", what });
const shared: Shared = { writer, counts, bodies: 0, complain };

process.on("disconnect", () => process.exit(exitCodes.alone));
process.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "stop":
      stopping.abort();
      return;
    case "close":
      stopping.abort();
      closing.abort();
      return;
    case "written":
      writes.get(message.id)?.(message.written);
      writes.delete(message.id);
  }
});

const { timeoutMs, hastyTimeoutMs, sessionTtlMs } = options;
writer.note("started", { timeoutMs, hastyTimeoutMs, sessionTtlMs, pid: process.pid });
const counting = setInterval(() => tell({ kind: "counts", counts }), countsEveryMs);
closing.signal.addEventListener("abort", () => {
  writer.note("closing");
  setTimeout(() => {
    const left = playing.filter(({ state }) => !state.isOver).map(({ name }) => name);
    complain(
      `did not end within ${closeMsMax} ms; still at work: ${left.join(", ") || "a client's close"}`,
    );
    end("late");
  }, closeMsMax).unref();
});

const roles = options.roles.map(({ workload, role, rate }) => {
  const found = workloadsNamed([workload])[0]?.roles.find(({ name }) => name === role);
  if (found === undefined) throw new Error(`workload ${workload} has no role ${role}`);
  return { role: found, rate, name: `${workload}/${role}` };
});
const patient = roles.some(({ role }) => role.hasty !== true) ? connected(timeoutMs) : undefined;
const hasty = roles.some(({ role }) => role.hasty === true) ? connected(hastyTimeoutMs) : undefined;
const playing = roles.map(({ role, rate, name }) => {
  const state = { isOver: false };
  const done = play(role, rate, name).finally(() => (state.isOver = true));
  return { role, name, done, state };
});
await Promise.all(playing.filter(({ role }) => role.produces).map(({ done }) => done));
tell({ kind: "stopped" });
await Promise.all(playing.map(({ done }) => done));
// Without a role that consumes there is nothing left to do, and yet it is the controller that says when.
await fired(closing.signal);
await Promise.all([closed(patient), closed(hasty)]);
end("closed");

async function play(role: RoleOf, rate: number, name: string): Promise<void> {
  const ends = role.produces ? stopping.signal : closing.signal;
  const calls = await Promise.race([role.hasty === true ? hasty : patient, fired(ends)]);
  if (calls === undefined) return;
  try {
    await role.run({
      calls,
      rate,
      random: randomFrom(`${options.seed}:${options.process}:${name}`),
      ends,
      slot: options.slot,
      historyBefore: options.historyBefore,
      database,
      complain,
    });
  } catch (error) {
    complain(
      `role ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}

/** Keeps trying until the process closes; undefined: it did. */
async function connected(forMs: number): Promise<Calls | undefined> {
  const { endpoints, process: name } = options;
  const { signal } = closing;
  while (!signal.aborted) {
    try {
      const client = await connect({ endpoints, name, timeoutMs: forMs, sessionTtlMs, signal });
      return new Calls(client, shared);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      await pause(connectAgainMs, signal);
    }
  }
  return undefined;
}

async function closed(connecting: Promise<Calls | undefined> | undefined): Promise<void> {
  const client: Client | undefined = (await connecting)?.client;
  await client?.close();
}

function fired(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function database(write: Write): Promise<Written> {
  const id = ++writesSent;
  return new Promise((resolve) => {
    writes.set(id, resolve);
    tell({ kind: "write", id, write });
  });
}

function end(how: keyof typeof exitCodes): void {
  clearInterval(counting);
  writer.note("ended", { how });
  const exit = (): void => process.exit(exitCodes[how]);
  if (process.send === undefined || !process.connected) exit();
  else process.send({ kind: "counts", counts } satisfies FromWorker, exit);
}

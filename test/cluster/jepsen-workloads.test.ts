// The workloads of jepsen-like/ against a real cluster, for seconds: the history that they leave is whole and can be read.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { check } from "../../jepsen-like/checkers/index.ts";
import { readHistory } from "../../jepsen-like/history/reader.ts";
import type { History } from "../../jepsen-like/checkers/contract.ts";
import { catalogue } from "../../jepsen-like/workloads/catalogue.ts";
import { Crew } from "../../jepsen-like/workloads/crew.ts";
import { startCluster, until } from "./support.ts";

const directories: string[] = [];
afterAll(() => directories.forEach((path) => rmSync(path, { recursive: true, force: true })));

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "raftq-jepsen-work-"));
  directories.push(directory);
  return directory;
}

/** Bodies that were certainly put into a queue, and those that were certainly settled for good. */
interface Bodies {
  readonly in: Set<string>;
  readonly acked: string[];
  /** Of calls without an answer, on a slow machine: there or not. */
  readonly unsure: Set<string>;
}

function bodiesOf({ calls }: History, queue: string): Bodies {
  const inside = new Set<string>();
  const acked: string[] = [];
  const unsure = new Set<string>();
  for (const { asked, told } of calls) {
    if (told?.type === "unknown") {
      if ("body" in asked) unsure.add(asked.body);
      if ("messages" in asked) for (const { body } of asked.messages) unsure.add(body);
      if ("acks" in asked) for (const { body } of asked.acks) unsure.add(body);
      if ("enqueues" in asked) for (const { body } of asked.enqueues) unsure.add(body);
    }
    if (told?.type !== "ok") continue;
    if (asked.f === "enqueue" && asked.queue === queue) inside.add(asked.body);
    if (asked.f === "enqueue-batch" && asked.queue === queue)
      for (const { body } of asked.messages) inside.add(body);
    if (asked.f === "ack" && asked.queue === queue && told.told?.already !== true)
      acked.push(asked.body);
    if (asked.f !== "commit") continue;
    for (const one of asked.acks) if (one.queue === queue) acked.push(one.body);
    for (const one of asked.enqueues) if (one.queue === queue) inside.add(one.body);
  }
  return { in: inside, acked, unsure };
}

test("all workloads together: what went in came out once, and all of it is in the history", async () => {
  const cluster = await startCluster();
  const directory = newDirectory();
  const crew = await Crew.start({
    endpoints: () => cluster.endpoints,
    directory,
    seed: 1,
    blowEveryMs: 0,
  });
  await until("there is something to look at", () => crew.stats.ok > 800);
  const finished = await crew.finish();
  expect(finished).toMatchObject({ isDrained: true, missing: [], complaints: [] });
  expect(finished.barrier).toBeGreaterThan(0);
  const { history, torn } = await readHistory(crew.files);
  expect(torn).toEqual([]);
  expect(history.calls.filter(({ told }) => told === undefined)).toEqual([]);
  for (const { queues } of catalogue) {
    for (const { declared, holds } of queues) {
      const { in: inside, acked, unsure } = bodiesOf(history, declared.name);
      const sure = (bodies: Iterable<string>): string[] =>
        [...bodies].filter((body) => !unsure.has(body)).sort();
      if (declared.workload !== "mixed") expect(sure(acked)).toEqual(sure(inside));
      else if (holds === "work") expect(inside.size).toBeGreaterThan(0);
    }
  }
});

test("clients that are killed and a leader that is: every history can be read, and nothing in it contradicts the promises", async () => {
  const cluster = await startCluster();
  const crew = await Crew.start({
    endpoints: () => cluster.endpoints,
    directory: newDirectory(),
    seed: 2,
    blowEveryMs: 1_000,
  });
  await until("a process was killed", () => crew.stats.kills > 0);
  const { nodeId } = await cluster.leader();
  await cluster.kill(nodeId);
  await until("another was killed, and calls are answered", () => {
    return crew.stats.kills > 1 && crew.stats.ok > 400;
  });
  await cluster.restart(nodeId);
  const finished = await crew.finish();
  expect(finished).toMatchObject({ isDrained: true, missing: [], complaints: [] });
  const { kills } = finished.stats;
  expect(crew.files.length).toBeGreaterThan(4 + kills / 2);

  const { history } = await readHistory(crew.files);
  const ended = new Set(
    history.notes.filter(({ what }) => what === "ended").map(({ process }) => process),
  );
  const killed = history.calls.filter(({ asked }) => !ended.has(asked.process));
  expect(killed.length).toBeGreaterThan(0);
  for (const { asked, told } of history.calls)
    if (told === undefined) expect(ended).not.toContain(asked.process);
  const { queues } = crew;
  const verdicts = check({ queues, history, logs: [], digests: [], barrier: finished.barrier });
  expect(verdicts.filter(({ result }) => result === "violated")).toEqual([]);
});

test("without a cluster it ends all the same, and says what is missing (W1)", async () => {
  const cluster = await startCluster();
  const crew = await Crew.start({
    endpoints: () => cluster.endpoints,
    directory: newDirectory(),
    seed: 3,
    workloads: ["fifo", "retries"],
    workers: 2,
    blowEveryMs: 0,
  });
  await until("it has begun", () => crew.stats.ok > 50);
  await cluster.stopAll();
  const finished = await crew.finish({ drainMsMax: 1_000 });
  expect(finished).toMatchObject({ barrier: 0, isDrained: false, complaints: [] });
  expect(finished.missing).toContain("the barrier could not be enqueued");
  const { history, torn } = await readHistory(crew.files);
  expect(torn).toEqual([]);
  expect(history.calls.every(({ told }) => told !== undefined)).toBe(true);
});

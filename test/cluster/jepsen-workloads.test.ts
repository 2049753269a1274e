// The workloads of jepsen-like/ against a real cluster, for seconds: the history that they leave is whole and can be read.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
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
function bodiesOf({ calls }: History, queue: string): { in: Set<string>; acked: string[] } {
  const inside = new Set<string>();
  const acked: string[] = [];
  for (const { asked, told } of calls) {
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
  return { in: inside, acked };
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
  await until("there is something to look at", () => crew.stats.ok > 1_500);
  const finished = await crew.finish();
  expect(finished).toMatchObject({ isDrained: true, missing: [], complaints: [] });
  expect(finished.barrier).toBeGreaterThan(0);
  const { history, torn } = await readHistory(crew.files);
  expect(torn).toEqual([]);
  expect(history.calls.filter(({ told }) => told === undefined)).toEqual([]);
  for (const { queues } of catalogue) {
    for (const { declared, holds } of queues) {
      const { in: inside, acked } = bodiesOf(history, declared.name);
      if (declared.workload !== "mixed") expect(acked.toSorted()).toEqual([...inside].sort());
      else if (holds === "work") expect(inside.size).toBeGreaterThan(0);
    }
  }
});

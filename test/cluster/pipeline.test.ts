// Consume, transform, produce: exactly once through three stages, whoever dies between any two steps (O4, P6).

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { client, startCluster, until } from "./support.ts";

const stageProcess = join(import.meta.dirname, "../../dist/test/cluster/stage-process.js");
const messages = 6_000;
const keys = 60;
const queues = ["in", "first", "second", "out"];

const stages = new Set<ChildProcess>();
afterAll(() => {
  for (const stage of stages) stage.kill("SIGKILL");
});

test("three stages, 12 of their processes and 3 leaders killed: what came in came out, once and in order", async () => {
  const cluster = await startCluster();
  const outside = await client(cluster);
  for (const name of queues) await outside.createQueue(name, { leaseMs: 10_000 });
  const start = (number: number): ChildProcess => {
    const [from, to] = [queues[number] ?? "", queues[number + 1] ?? ""];
    const stage = fork(stageProcess, [cluster.endpoints.join(","), from, to]);
    stages.add(stage);
    return stage;
  };
  const running = [0, 1, 2].map(start);

  const seen = new Map<string, number[]>();
  let count = 0;
  const sink = outside.queue<number>("out").consume(
    ({ value, message: { key } }) => {
      const values = seen.get(key) ?? [];
      values.push(value);
      seen.set(key, values);
      count += 1;
    },
    { concurrency: 100 },
  );
  const source = outside.queue<number>("in");
  const producing = (async () => {
    for (let n = 0; n < messages; n += 1) {
      // Never further ahead than the kills want it.
      if (n - count > 1_500) await until("the pipeline has caught up", () => n - count < 1_500);
      void source.enqueue(n, { key: `k${n % keys}` });
    }
    await source.enqueue(messages, { key: "last" });
  })();

  // By progress, not by the clock: a kill falls somewhere among the steps of many messages at once.
  for (let kill = 1; kill <= 12; kill += 1) {
    await until(`${kill} of 13 parts are out`, () => count >= (kill * messages) / 13);
    const victim = kill % 3;
    const stage = running[victim];
    if (stage !== undefined) {
      stage.kill("SIGKILL");
      if (stage.exitCode === null && stage.signalCode === null) await once(stage, "exit");
      stages.delete(stage);
    }
    running[victim] = start(victim);
    if (kill % 4 === 0) {
      const { nodeId } = await cluster.leader();
      await cluster.kill(nodeId);
      await cluster.restart(nodeId);
    }
  }
  await producing;
  await until("all of it is out", () => count >= messages + 1);
  await sink.drain();

  expect(count).toBe(messages + 1);
  for (const [key, values] of seen) {
    if (key === "last") continue;
    const first = Number(key.slice(1));
    expect(values, key).toEqual(values.map((_, i) => first + i * keys));
    expect(values).toHaveLength(messages / keys);
  }
  for (const name of queues)
    expect(await outside.getQueue(name)).toMatchObject({
      ...{ ready: 0, leased: 0, retrying: 0, parked: 0 },
      ...{ enqueued: messages + 1, acked: messages + 1 },
    });
});

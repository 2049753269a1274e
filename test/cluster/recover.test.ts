// `raftq recover` on real processes and real files: two of three machines are lost for good.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { client, directoryOf, startCluster, until } from "./support.ts";

const binary = fileURLToPath(new URL("../../dist/cli/raftq.cjs", import.meta.url));

function raftq(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [binary, ...words], (_error, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

test("C7, F7: a survivor is made a cluster of its own, grows again, and refuses the old members", async () => {
  const lines: string[] = [];
  const old = await startCluster({ onLine: (_id, line) => lines.push(line) });
  const producer = await client(old);
  await producer.createQueue("q");
  for (let n = 0; n < 50; n += 1) await producer.queue<number>("q").enqueue(n, { key: "k" });
  await old.caughtUp(1, 10_000, 0);
  await producer.close();
  const data = join(directoryOf(old), "node-1", "data");

  const running = await raftq("recover", "--data", data, "--unsafe", "--yes");
  expect(running.code).toBe(1);
  expect(running.err).toMatch(/stop the node first/);

  for (const id of old.nodeIds) await old.kill(id);
  rmSync(join(directoryOf(old), "node-3", "data"), { recursive: true });
  const looked = await raftq("recover", "--data", data);
  expect(looked.code).toBe(0);
  expect(looked.out).toMatch(/node +1 of cluster test/);
  expect(looked.out).toMatch(/Nothing was changed/);
  const unasked = await raftq("recover", "--data", data, "--unsafe");
  expect(unasked).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) as string });
  const done = await raftq("recover", "--data", data, "--unsafe", "--yes");
  expect(done).toMatchObject({ code: 0, err: "" });
  expect(done.out).toMatch(/node 1 is now all of cluster test-recovered/);
  const twice = await raftq("recover", "--data", data, "--unsafe", "--yes");
  expect(twice.err).toMatch(/nothing has to be recovered/);

  // At the same addresses, so that the old members find it.
  const basePort = Number(/:(\d+)$/.exec(old.endpoint(1))?.[1]);
  const recovered = await startCluster({
    directory: directoryOf(old),
    nodes: 1,
    basePort,
    clusterId: "test-recovered",
  });
  const consumer = await client(recovered);
  const seen: number[] = [];
  for (const delivery of await consumer
    .queue<number>("q")
    .receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 })) {
    seen.push(delivery.value);
    await delivery.ack();
  }
  expect(seen).toEqual([0]);
  expect((await consumer.getQueue("q")).enqueued).toBe(50);

  // The numbers of the dropped members are used up.
  const reused = consumer.addLearner({
    nodeId: 2,
    peerAddress: "127.0.0.1:1",
    clientAddress: "127.0.0.1:1",
  });
  await expect(reused).rejects.toMatchObject({ reason: "ID_USED" });
  expect(await recovered.add()).toBe(4);

  await old.restart(2);
  await until("the old member is told that this is another cluster", () =>
    lines.some((line) => line.includes("cluster test; node 1 is in cluster test-recovered")),
  );
  expect(old.isRunning(2)).toBe(true);
});

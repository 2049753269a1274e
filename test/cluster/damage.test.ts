// F7 on real processes: a damaged minority harms nobody but itself, says so, and its place is taken by a good copy.
// Every kind of damage to every kind of file: test/node/damage.test.ts.

import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { client, directoryOf, startCluster, until } from "./support.ts";

/** One bit of a file, somewhere in its middle. */
function flipBit(path: string): void {
  const file = openSync(path, "r+");
  try {
    const at = Math.floor(statSync(path).size / 2);
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.of(byte.readUInt8(0) ^ 4), 0, 1, at);
  } finally {
    closeSync(file);
  }
}

test("a node with a flipped bit in its log refuses to start and says where and what to do; the others serve on", async () => {
  const deaths: string[] = [];
  const cluster = await startCluster({ onDeath: (id, how) => deaths.push(`node ${id} ${how}`) });
  const user = await client(cluster);
  await user.createQueue("q");
  const queue = user.queue<number>("q");
  const balance = { sent: 0, received: 0 };
  const send = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      await queue.enqueue(n, { key: `k${n % 7}` });
      balance.sent += n;
    }
  };
  await send(300);
  const { nodeId: leader } = await cluster.leader();
  const victim = (leader % 3) + 1;
  await cluster.kill(victim);

  const data = join(directoryOf(cluster), `node-${victim}`, "data");
  const [segment] = readdirSync(join(data, "log")).filter((name) => name.endsWith(".log"));
  flipBit(join(data, "log", segment!));
  await expect(cluster.restart(victim, 10_000)).rejects.toThrow();
  await until("it has ended", () => !cluster.isRunning(victim));
  const said = readFileSync(cluster.logFile(victim), "utf8");
  expect(said).toMatch(RegExp(`log/${segment} is damaged at byte \\d+.*Replace this node`));
  expect(deaths).toHaveLength(1);
  // Its end is known from here on.
  await cluster.kill(victim);

  await send(300);
  const next = await cluster.add();
  await cluster.remove(victim);
  await cluster.caughtUp(next);
  const received = queue.receive({ credit: 50 });
  let left = 600;
  for await (const delivery of received) {
    balance.received += delivery.value;
    await delivery.ack();
    left -= 1;
    if (left === 0) break;
  }
  expect(balance.received).toBe(balance.sent);
  await until("the three that are left agree", async () => {
    const ids = cluster.nodeIds.filter((id) => cluster.isRunning(id));
    const views = await Promise.all(ids.map((id) => cluster.view(id)));
    const own = views.map((view) => view?.members.find(({ nodeId }) => nodeId === view.nodeId));
    expect(own).toHaveLength(3);
    return new Set(own.map((one) => `${one?.appliedIndex} ${one?.stateDigest}`)).size === 1;
  });
});

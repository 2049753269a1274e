// Each fault of a host on a real cluster: it is seen to have had effect, the cluster comes out of it, and nothing that was
// acknowledged is lost. Where a mechanism cannot be had, the test is skipped and the reason printed.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, type Client } from "../../client/index.ts";
import { RealCluster } from "../../jepsen-like/cluster/cluster.ts";
import { judge, type Found, type Item } from "../../jepsen-like/host/sweep-load.ts";
import { runPoint } from "../../jepsen-like/host/sweep-point.ts";
import { openProxies, type ProxyNetwork } from "../../jepsen-like/net/proxies.ts";
import type { Fault, Scene } from "../../jepsen-like/nemesis/fault.ts";
import { closeHost, hostFaults } from "../../jepsen-like/nemesis/faults/host.ts";
import { randomFrom } from "../../jepsen-like/nemesis/random.ts";
import { whyNoSweep } from "../../jepsen-like/power-loss.ts";

/** One of each mechanism; the others differ in whom they hit. */
const tried = [
  ...["power-loss-all", "power-loss-paused", "disk-death", "disk-low", "disk-full"],
  ...["fsync-error", "fsync-error-once", "fsync-kill", "fsync-slow-leader"],
  ...["fd-limit", "cpu-limit-leader", "memory-limit", "clock-ahead-leader", "clock-back-all"],
];
const why = new Map<string, string | undefined>();
for (const fault of hostFaults) why.set(fault.name, await fault.probe?.());
for (const [name, reason] of why)
  if (reason !== undefined) console.log(`skipped, ${name}: ${reason}`);

const home = mkdtempSync(join(tmpdir(), "raftq-host-"));
const noSweep = await whyNoSweep();
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("the power-loss sweep", () => {
  // Past the first start, amid the load.
  const amid = { call: "fdatasync", ordinal: 40 };

  test.skipIf(noSweep !== undefined).each(["single", "all", "one"] as const)(
    "%s: at one exact sync the power goes, and all that was acknowledged is there",
    async (mode) => {
      const result = await runPoint(join(home, `sweep-${mode}`), mode, 1, amid);
      expect(result).toMatchObject({ powerLost: true, violations: [] });
      expect(result.sync).toBeGreaterThanOrEqual(amid.ordinal);
      expect(result.acked).toBeGreaterThan(0);
      expect(readdirSync(home)).toEqual([]);
    },
  );

  test.skipIf(noSweep !== undefined)(
    "a disk that says that it has synced, and has not, is found",
    async () => {
      const log = "log/0000000000000001-0000000000.log";
      const lie = { liesAbout: log, afterAcked: 50 };
      const result = await runPoint(join(home, "sweep-lie"), "single", 1, lie);
      expect(result.violations.join("\n")).toMatch(/acknowledged and is gone|there is no queue/);
      rmSync(join(home, "sweep-lie"), { recursive: true });
    },
  );
});

describe("faults of a host", () => {
  const directory = join(home, "faults");
  let network: ProxyNetwork;
  let cluster: RealCluster;
  let client: Client;
  const acked: Item[] = [];
  const unknown: Item[] = [];

  beforeAll(async () => {
    mkdirSync(directory);
    network = await openProxies({ nodes: 3 });
    cluster = await RealCluster.start({ directory, network });
    client = await connect({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
    await client.createQueue("q", { maxInFlightPerKey: 1_000 });
  });
  afterAll(async () => {
    await client.close();
    await cluster.close();
    await closeHost(cluster, join(directory, "host"));
    await network.close();
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(directory);
  });

  const faultOf = (name: string): Fault => hostFaults.find((fault) => fault.name === name)!;

  for (const name of tried)
    test.skipIf(why.get(name) !== undefined)(
      `${name} is seen, and the cluster comes out of it`,
      async () => {
        const scene: Scene = {
          ...{ cluster, network, random: randomFrom(name), electionMs: 500 },
          ...{ directory: join(directory, "host"), say: () => undefined },
        };
        let isOver = false;
        const queue = client.queue<Item>("q");
        const load = (async () => {
          for (let n = 1; !isOver; n++) {
            const item = { key: name, n };
            await queue.enqueue(item, { key: name }).then(
              () => acked.push(item),
              () => unknown.push(item),
            );
            await sleep(5);
          }
        })();
        try {
          const ongoing = await faultOf(name).begin(scene);
          await sleep(ongoing.ms);
          expect(await ongoing.end()).toBeTypeOf("string");
        } finally {
          isOver = true;
          await load;
        }
        expect(cluster.nodeIds.every((id) => cluster.isRunning(id))).toBe(true);
        expect(await cluster.leader()).toBeDefined();
      },
    );

  test("after all of it everything that was acknowledged is there, once, in order", async () => {
    const queue = client.queue<Item>("q");
    const found: Found[] = [];
    for (;;) {
      const batch = await queue.receiveBatch({ maxMessages: 1_000 });
      for (const { value, message } of batch)
        found.push({ ...value, keySeq: message.keySeq, redelivery: message.redelivery });
      await Promise.all(batch.map((delivery) => delivery.ack()));
      if (batch.length === 0) break;
    }
    expect(judge(acked, unknown, found)).toEqual([]);
    expect(found.length).toBeGreaterThan(0);
  });
});

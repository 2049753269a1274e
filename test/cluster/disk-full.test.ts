// F9 on a real file system that is really full: a small tmpfs, which needs the right to mount one.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { LocalCluster } from "../../cli/local-cluster.ts";
import { QueueError } from "../../client/index.ts";
import { client, until } from "./support.ts";

const mebibyte = 1024 * 1024;
const home = mkdtempSync(join(tmpdir(), "raftq-full-"));
const data = join(home, "node-1", "data");
mkdirSync(data, { recursive: true });
// RocksDB allots 35 MiB of it for a start.
const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", data]);
const mounted = mount.status === 0;

let cluster: LocalCluster | undefined;

afterAll(async () => {
  await cluster?.stopAll();
  if (mounted) spawnSync("umount", [data]);
  rmSync(home, { recursive: true, force: true });
});

const free = (): number => {
  const { bavail, bsize } = statfsSync(data);
  return bavail * bsize;
};

/** Somebody else's file, so that this much is left. */
function leave(bytes: number): void {
  const ballast = join(data, "ballast");
  rmSync(ballast, { force: true });
  const size = free() - bytes;
  if (size > 0) writeFileSync(ballast, Buffer.alloc(size, 1));
}

test.skipIf(!mounted)(
  "a full disk: no more messages, but consuming goes on; kill -9 and a restart work; with room all goes on",
  async () => {
    cluster = await LocalCluster.start({
      directory: home,
      nodes: 1,
      clusterId: "full",
      serverFlags: [
        ...["--disk-free-min-bytes", String(16 * mebibyte)],
        ...["--disk-reserve-bytes", String(8 * mebibyte)],
        ...["--log-retain-bytes", String(mebibyte), "--segment-bytes", "65536"],
      ],
      // At the end of its disk a node may end (F2); that is no failure here.
      onDeath: () => undefined,
    });
    await until("the reserve is made", () => readdirSync(data).includes("reserve"));
    // Short, so that what is refused for a long time is an error soon.
    const user = await client(cluster, { timeoutMs: 3_000 });
    await user.createQueue("q", { ordering: "NONE" });
    const queue = user.queue<number>("q");
    for (let n = 0; n < 100; n += 1) await queue.enqueue(n);

    leave(12 * mebibyte);
    const refused = async (): Promise<string> =>
      queue.enqueue(-1).then(
        () => "enqueued",
        (error: unknown) => (error instanceof QueueError ? error.reason : String(error)),
      );
    await until("enqueues are refused", async () => (await refused()) === "DISK_WATERMARK");
    const view = await cluster.view(1);
    expect(view?.members[0]).toMatchObject({ diskLow: true });
    expect(view?.members[0]?.diskFreeBytes).toBeLessThan(16 * mebibyte);
    const { enqueued } = await user.getQueue("q");

    const consume = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) {
        const [delivery] = await queue.receiveBatch({ maxWaitMs: 1_000 });
        await delivery?.ack();
      }
    };
    await consume(20);
    expect(await user.getQueue("q")).toMatchObject({ enqueued, acked: 20 });

    // Full in earnest.
    leave(0);
    expect(free()).toBeLessThan(65_536);
    await cluster.kill(1);
    await cluster.restart(1);
    expect(readdirSync(data)).not.toContain("reserve");
    await consume(20);
    expect(await user.getQueue("q")).toMatchObject({ enqueued, acked: 40 });
    // The store that opened has left room that it takes again later, for its write-ahead log.
    await until("enqueues are refused again", async () => {
      leave(12 * mebibyte);
      return (await refused()) === "DISK_WATERMARK";
    });

    rmSync(join(data, "ballast"));
    await until("enqueues are taken again", async () => (await refused()) === "enqueued");
    await until("the reserve is made again", () => readdirSync(data).includes("reserve"));
  },
);

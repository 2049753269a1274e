// What the cluster tests share: a cluster of real processes in a directory of its own, and clients of it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { LocalCluster, type LocalClusterOptions } from "../../cli/local-cluster.ts";
import { connect, type Client, type ConnectOptions } from "../../client/index.ts";

const running: { cluster: LocalCluster; directory: string }[] = [];
const clients: Client[] = [];

afterAll(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close().catch(() => undefined)));
  const ended = running.splice(0);
  // All of them first: two may share a directory.
  for (const { cluster } of ended) await cluster.stopAll();
  for (const { directory } of ended) rmSync(directory, { recursive: true, force: true });
});

export async function startCluster(
  options: Partial<LocalClusterOptions> = {},
): Promise<LocalCluster> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "raftq-cluster-"));
  const cluster = await LocalCluster.start({ directory, clusterId: "test", ...options });
  running.push({ cluster, directory });
  return cluster;
}

export function directoryOf(cluster: LocalCluster): string {
  const found = running.find((one) => one.cluster === cluster);
  if (found === undefined) throw new Error("not a cluster of this test");
  return found.directory;
}

export async function client(
  cluster: LocalCluster,
  options: Partial<ConnectOptions> = {},
): Promise<Client> {
  const connected = await connect({ endpoints: cluster.endpoints, ...options });
  clients.push(connected);
  return connected;
}

/** Awaits a condition that the cluster reaches by itself; the time is only the bound after which the test gives up. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  ms = 60_000,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// Real processes through our proxies: cuts are felt by nodes and clients, and the cluster comes out of them.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type Client } from "../../client/index.ts";
import type { End } from "../../jepsen-like/net/contract.ts";
import { RealCluster } from "../../jepsen-like/cluster/cluster.ts";
import { openProxies, type ProxyNetwork } from "../../jepsen-like/net/proxies.ts";
import { until } from "./support.ts";

let directory: string;
let network: ProxyNetwork;
let cluster: RealCluster;
let client: Client;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "raftq-jepsen-"));
  network = await openProxies({ nodes: 3 });
  cluster = await RealCluster.start({
    directory,
    network,
    serverFlags: ["--disk-free-min-bytes", "0", "--disk-reserve-bytes", "0"],
  });
  client = await connect({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
  await client.createQueue("q");
});

afterEach(async () => {
  await client.close().catch(() => undefined);
  await cluster.close();
  await network.close();
  rmSync(directory, { recursive: true, force: true });
});

async function leaderNow(): Promise<number> {
  const leader = await cluster.leader();
  if (leader === undefined) throw new Error("no leader");
  return leader;
}

function isolate(id: number, ...ends: readonly End[]): void {
  for (const other of ends) {
    if (other === id) continue;
    network.set(id, other, { blackHole: true });
    network.set(other, id, { blackHole: true });
  }
}

async function agree(): Promise<void> {
  await until("all nodes agree", async () => {
    const views = await Promise.all(cluster.nodeIds.map((id) => cluster.observe(id)));
    const states = views.map((view) => `${view?.appliedIndex} ${view?.digest}`);
    return views.every((view) => view !== undefined) && new Set(states).size === 1;
  });
}

const send = (n: number): Promise<unknown> => client.queue<number>("q").enqueue(n, { key: "k" });

test("a leader that is cut off is replaced and clients are served on; it comes back when the cut is healed", async () => {
  await send(1);
  const old = await leaderNow();
  const before = await cluster.observe(old);
  isolate(old, "clients", ...cluster.nodeIds);
  await until("another one leads", async () => (await leaderNow()) !== old);
  await send(2);
  expect((await cluster.observe(old))?.commitIndex).toBeLessThan(
    (await cluster.observe(await leaderNow()))!.commitIndex,
  );
  expect((await cluster.observe(await leaderNow()))?.term).toBeGreaterThan(before!.term);
  expect(network.disturbed).toBeGreaterThan(0);
  network.heal();
  await agree();
  await send(3);
  expect((await client.getQueue("q")).enqueued).toBe(3);
  expect(cluster.deaths).toEqual([]);
});

test("a cut between nodes alone leaves clients at a leader that cannot answer, until another one leads", async () => {
  const old = await leaderNow();
  isolate(old, ...cluster.nodeIds);
  await send(1);
  expect(await leaderNow()).not.toBe(old);
  network.heal();
  await agree();
});

test("killed, stopped and paused nodes go and come back; an end by itself is a death", async () => {
  const leader = await leaderNow();
  const [follower, other] = cluster.nodeIds.filter((id) => id !== leader);
  cluster.pause(follower!);
  expect(await cluster.observe(follower!)).toBeUndefined();
  await send(1);
  cluster.resume(follower!);
  await cluster.kill(leader);
  expect(cluster.isRunning(leader)).toBe(false);
  expect(cluster.pid(leader)).toBeUndefined();
  await send(2);
  expect(await cluster.start(leader)).toBe(true);
  await cluster.stop(other!);
  expect(await cluster.start(other!)).toBe(true);
  await agree();
  expect(cluster.deaths).toEqual([]);

  process.kill(cluster.pid(other!)!, "SIGKILL");
  await until("it is known", () => cluster.deaths.length === 1);
  expect(cluster.deaths[0]).toMatchObject({ nodeId: other, signal: "SIGKILL" });
  expect(await cluster.start(other!)).toBe(true);
  await agree();
});

test("nodes join and leave, leadership is handed over, and a new node is cut off like the others", async () => {
  await send(1);
  const added = await cluster.add();
  expect(added).toBe(4);
  const view = await cluster.observe(await leaderNow());
  expect(view?.members).toContainEqual({ nodeId: 4, isVoter: true });
  await cluster.transferLeadership(added);
  expect(await leaderNow()).toBe(added);
  await send(2);
  isolate(added, "clients", ...cluster.nodeIds);
  await until("another one leads", async () => (await leaderNow()) !== added);
  await send(3);
  network.heal();
  await agree();
  await cluster.remove(added);
  expect(cluster.nodeIds).toEqual([1, 2, 3]);
  await cluster.remove(await leaderNow());
  await send(4);
  await agree();
  expect(await cluster.add()).toBe(5);
  await agree();
  expect(cluster.deaths).toEqual([]);
});

test("a start that fails says so: a wiped node is refused under its old number", async () => {
  const victim = (await leaderNow()) === 1 ? 2 : 1;
  await send(1);
  await cluster.kill(victim);
  rmSync(cluster.dataDirectory(victim), { recursive: true });
  const answered = await cluster.start(victim);
  if (answered) await until("it has ended", () => !cluster.isRunning(victim));
  expect(cluster.deaths).toHaveLength(1);
  expect(readFileSync(cluster.logFile(victim), "utf8")).toContain("disk");
});

test("a launcher wraps the command; signals reach the server inside", async () => {
  const [id] = cluster.nodeIds;
  await cluster.kill(id!);
  cluster.setLauncher((_, { file, args, env }) => ({
    file: "/bin/sh",
    args: ["-c", '"$@"; exit $?', "sh", file, ...args],
    env: { ...env, WRAPPED: "yes" },
  }));
  expect(await cluster.start(id!)).toBe(true);
  const environment = readFileSync(`/proc/${cluster.pid(id!)}/environ`, "utf8");
  expect(environment).toContain("WRAPPED=yes");
  expect(readFileSync(`/proc/${cluster.pid(id!)}/comm`, "utf8")).not.toContain("sh");
  await cluster.stop(id!);
  expect(await cluster.start(id!)).toBe(true);
  await cluster.kill(id!);
  expect(cluster.deaths).toEqual([]);
});

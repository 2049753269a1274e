// Real processes through our proxies: cuts are felt by nodes and clients, and the cluster comes out of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type Client } from "../../client/index.ts";
import { RealCluster } from "../../jepsen-like/cluster/cluster.ts";
import {
  flipBit,
  keepCopy,
  restoreCopy,
  truncate,
  wipe,
} from "../../jepsen-like/cluster/surgery.ts";
import type { End, Network } from "../../jepsen-like/net/contract.ts";
import { openNamespaces, probeNamespaces } from "../../jepsen-like/net/namespaces.ts";
import { openProxies } from "../../jepsen-like/net/proxies.ts";
import { randomFrom } from "../../jepsen-like/nemesis/random.ts";
import { until } from "./support.ts";

let directory: string;
let network: Network;
let cluster: RealCluster;
let client: Client;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "raftq-jepsen-"));
});

async function begin(on: Network): Promise<void> {
  network = on;
  cluster = await RealCluster.start({
    directory,
    network,
    serverFlags: ["--disk-free-min-bytes", "0", "--disk-reserve-bytes", "0"],
  });
  client = await connect({ endpoints: cluster.endpoints, timeoutMs: 60_000 });
  await client.createQueue("q");
}

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
  await begin(await openProxies());
  await send(1);
  const old = await leaderNow();
  const before = await cluster.observe(old);
  isolate(old, "clients", ...cluster.nodeIds);
  await until("another one leads", async () => (await leaderNow()) !== old);
  await send(2);
  // Where clients are sent is behind our proxies too.
  expect(cluster.endpoints).toContain((await client.cluster()).leader?.endpoint);
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
  await begin(await openProxies());
  const old = await leaderNow();
  isolate(old, ...cluster.nodeIds);
  await send(1);
  expect(await leaderNow()).not.toBe(old);
  network.heal();
  await agree();
});

test("killed, stopped and paused nodes go and come back; an end by itself is a death", async () => {
  await begin(await openProxies());
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
  await begin(await openProxies());
  await send(1);
  const added = await cluster.add();
  expect(added).toBe(4);
  const view = await cluster.observe(await leaderNow());
  expect(view?.members).toContainEqual({ nodeId: 4, isVoter: true });
  await cluster.transferLeadership(added);
  expect(await leaderNow()).toBe(added);
  await send(2);
  expect((await client.cluster()).leader?.endpoint).toBe(network.clientAddress(added));
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

test("a node whose disk was harmed does not serve, a copy of its disk does, and a wiped one is refused", async () => {
  await begin(await openProxies());
  const victim = (await leaderNow()) === 1 ? 2 : 1;
  for (let n = 0; n < 20; n++) await send(n);
  await cluster.stop(victim);
  const copy = join(directory, "copy");
  keepCopy(cluster, victim, copy);
  flipBit(cluster, victim, "identity", randomFrom(1));
  expect(await cluster.start(victim)).toBe(false);
  expect(cluster.deaths.at(-1)?.lastLines.join("")).toContain("identity");

  restoreCopy(cluster, victim, copy);
  expect(await cluster.start(victim)).toBe(true);
  await agree();
  await cluster.kill(victim);
  truncate(cluster, victim, "segment", "all", randomFrom(1));
  expect(await cluster.start(victim)).toBe(false);

  wipe(cluster, victim);
  if (await cluster.start(victim)) await until("it has ended", () => !cluster.isRunning(victim));
  expect(cluster.deaths.map(({ nodeId }) => nodeId)).toEqual([victim, victim, victim]);
  await send(20);
});

test("a launcher wraps the command; signals reach the server inside", async () => {
  await begin(await openProxies());
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

const whyNot = await probeNamespaces();

test.skipIf(whyNot !== undefined)(
  "in namespaces: packets of the leader are dropped, one way",
  async () => {
    await begin(await openNamespaces());
    const old = await leaderNow();
    await send(1);
    for (const id of cluster.nodeIds) if (id !== old) network.set(old, id, { blackHole: true });
    await until("another one leads", async () => (await leaderNow()) !== old);
    expect(network.disturbed).toBeGreaterThan(0);
    await send(2);
    network.heal();
    await agree();
    await cluster.kill(await leaderNow());
    await send(3);
    expect(cluster.deaths).toEqual([]);
  },
);

test("no node outlives a parent that is killed (PR1)", async () => {
  await begin(await openProxies());
  const at = (path: string): string =>
    new URL(`../../dist/jepsen-like/${path}`, import.meta.url).href;
  const parent = spawn(
    process.execPath,
    [
      ...["--input-type=module", "-e"],
      `import { RealCluster } from "${at("cluster/cluster.js")}";
       import { openProxies } from "${at("net/proxies.js")}";
       const options = { directory: process.argv[1], nodes: 1, network: await openProxies({ nodes: 1 }) };
       const cluster = await RealCluster.start(options);
       console.log(cluster.pid(1));`,
      join(directory, "orphan"),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const runs = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  expect(runs()).toBe(true);
  parent.kill("SIGKILL");
  await until("it has ended", () => !runs());
});

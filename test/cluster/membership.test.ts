// Members come and go, and leadership moves, while clients work: nothing is lost, doubled, redelivered or out of order.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { LocalCluster } from "../../cli/local-cluster.ts";
import type { Client } from "../../client/index.ts";
import { startLoad, type Load } from "./load.ts";
import { client, startCluster, until } from "./support.ts";

/** What happened, and for how long nothing was confirmed meanwhile: for whoever reads the output. */
class Report {
  readonly #lines: string[] = [];
  readonly #load: Load;

  constructor(load: Load) {
    this.#load = load;
  }

  async step<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#load.takeGap();
    const began = performance.now();
    const result = await work();
    const ackedAfter = this.#load.acked;
    const tookMs = performance.now() - began;
    await until("the load goes on", () => this.#load.acked > ackedAfter + 200);
    const gap = Math.round(this.#load.takeGap());
    this.#lines.push(`${what.padEnd(28)} ${Math.round(tookMs)} ms, longest gap ${gap} ms`);
    return result;
  }

  print(): void {
    process.stdout.write(`${this.#lines.join("\n")}\n`);
  }
}

async function membersOf(cluster: LocalCluster): Promise<readonly (readonly [number, boolean])[]> {
  const { nodeId } = await cluster.leader();
  const view = await cluster.view(nodeId);
  return (view?.members ?? []).map((member) => [member.nodeId, member.voter]);
}

async function agreed(cluster: LocalCluster): Promise<void> {
  await until("all have the same digest at the same index", async () => {
    const views = await Promise.all(cluster.nodeIds.map((id) => cluster.view(id)));
    const own = views.map((view) => view?.members.find(({ nodeId }) => nodeId === view.nodeId));
    const at = own.map((member) => `${member?.appliedIndex} ${member?.stateDigest}`);
    return new Set(at).size === 1;
  });
}

test("C1-C8: grow 1 → 3 → 5, hand leadership round, replace a wiped node, remove the leader, shrink to 3, under load", async () => {
  const deaths: string[] = [];
  const cluster = await startCluster({
    nodes: 1,
    onDeath: (id, how) => deaths.push(`node ${id} ${how}`),
  });
  const producer = await client(cluster, { name: "producer" });
  const load = await startLoad(producer, await client(cluster, { name: "consumer" }), "ledger");
  const report = new Report(load);
  await until("the load runs", () => load.acked > 500);

  for (const size of [2, 3, 4, 5]) {
    const id = await report.step(`grow to ${size}`, () => cluster.add());
    expect(id).toBe(size);
  }
  expect(await membersOf(cluster)).toEqual([1, 2, 3, 4, 5].map((id) => [id, true]));

  for (const to of [2, 3, 4, 5, 1]) {
    const leader = await report.step(`transfer to ${to}`, () => producer.transferLeadership(to));
    expect(leader.nodeId).toBe(to);
  }

  await cluster.wipe(4);
  // It says who it is, and is told that it is no member any more: with the commands that help.
  await cluster.restart(4);
  await until("the wiped node ends", () => deaths.length > 0);
  expect(deaths).toEqual(["node 4 exited with code 78"]);
  const next = await report.step("replace the wiped 4: add", () => cluster.add());
  await report.step("replace the wiped 4: remove", () => cluster.remove(4));
  expect(next).toBe(6);
  expect(await membersOf(cluster)).toEqual([1, 2, 3, 5, 6].map((id) => [id, true]));

  const leader = await cluster.leader();
  await report.step("remove the leader", () => cluster.remove(leader.nodeId));
  const after = await cluster.leader();
  expect(after.nodeId).not.toBe(leader.nodeId);
  const follower = cluster.nodeIds.find((id) => id !== after.nodeId)!;
  await report.step("remove a follower", () => cluster.remove(follower));
  expect(cluster.nodeIds).toHaveLength(3);
  expect(await membersOf(cluster)).toEqual(cluster.nodeIds.map((id) => [id, true]));

  const messages = await load.finish();
  report.print();
  process.stdout.write(`${messages} messages, each enqueued, delivered and acknowledged once\n`);
  await agreed(cluster);
  expect(deaths).toHaveLength(1);
});

const missed = Number(process.env["RAFTQ_TEST_MISSED"] ?? 20_000);

/** Bytes that a process has in memory; undefined where the system does not tell. */
function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

async function enqueueMany(producer: Client, name: string, count: number): Promise<void> {
  const queue = producer.queue<string>(name);
  const body = "x".repeat(500);
  const pending = new Set<Promise<unknown>>();
  for (let n = 0; n < count; n += 1) {
    const call = queue
      .enqueue(body, { key: `key-${n % 1_000}` })
      .finally(() => pending.delete(call));
    pending.add(call);
    if (pending.size >= 1_000) await Promise.race(pending);
  }
  await Promise.all(pending);
}

test(`E4, E7, I2: a follower that missed ${missed} messages gets a snapshot and catches up under load; the leader's memory is bounded`, async () => {
  const cluster = await startCluster({
    serverFlags: [
      ...["--log-retain-bytes", "1048576", "--segment-bytes", "262144"],
      ...["--cache-bytes-max", "1048576", "--inflight-bytes-max", "1048576"],
    ],
  });
  const producer = await client(cluster, { name: "producer", timeoutMs: 120_000 });
  await producer.createQueue("backlog");
  const leader = await cluster.leader();
  const absent = cluster.nodeIds.find((id) => id !== leader.nodeId)!;
  await cluster.kill(absent);
  await enqueueMany(producer, "backlog", missed);
  const before = residentBytes(cluster.pid(leader.nodeId)!);

  const load = await startLoad(producer, await client(cluster, { name: "consumer" }), "ledger");
  await until("the load runs", () => load.acked > 500);
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentBytes(cluster.pid(leader.nodeId) ?? 0) ?? 0);
  }, 50);
  const began = performance.now();
  await cluster.restart(absent);
  await cluster.caughtUp(absent, 120_000);
  const tookMs = Math.round(performance.now() - began);
  clearInterval(watch);
  const messages = await load.finish();
  const view = await cluster.view(absent);
  const own = view?.members.find(({ nodeId }) => nodeId === absent);
  // Its log begins behind what it had: the rest came as a snapshot.
  expect(own?.firstIndex).toBeGreaterThan(100);
  await agreed(cluster);
  if (before !== undefined) {
    const grown = Math.max(0, peak - before);
    process.stdout.write(
      `caught up in ${tookMs} ms beside ${messages} messages; the leader had ${before >> 20} MiB, and at most ` +
        `${grown >> 20} MiB more meanwhile\n`,
    );
    // Chunks, cache and what is in flight are bounded, whatever the follower lacks; the rest is garbage not yet collected.
    expect(grown).toBeLessThan(256 * 1024 * 1024);
  }
});

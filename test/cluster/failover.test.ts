// What a client sees when nodes die, hang and come back.

import { expect, test } from "vitest";
import { client, startCluster, until } from "./support.ts";

test("P7: a killed leader ends no lease: the holder settles with its old token, nothing is redelivered", async () => {
  const cluster = await startCluster();
  const worker = await client(cluster);
  await worker.createQueue("jobs", { leaseMs: 60_000 });
  const jobs = worker.queue<string>("jobs");
  await jobs.enqueue("first", { key: "a" });
  await jobs.enqueue("second", { key: "a" });
  const [held] = await jobs.receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 });
  expect(held?.value).toBe("first");

  const before = await cluster.leader();
  await cluster.kill(before.nodeId);
  const other = await client(cluster);
  // P3: the key stays blocked by the lease, also under the new leader.
  expect(await other.queue("jobs").receiveBatch({ maxMessages: 1, maxWaitMs: 0 })).toEqual([]);
  await held?.ack();
  const [next] = await jobs.receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 });
  expect(next?.value).toBe("second");
  expect(next?.message).toMatchObject({ deliveries: 1, attempts: 0, redelivery: "", keySeq: 2 });
  await next?.ack();
  const after = await cluster.leader();
  expect(after.term).toBeGreaterThan(before.term);
});

test("H5, R12: a leader that hangs (SIGSTOP) is left; when it wakes it follows, and acknowledges nothing of its own (I4)", async () => {
  const cluster = await startCluster();
  const producer = await client(cluster);
  await producer.createQueue("q");
  const q = producer.queue<number>("q");
  await q.enqueue(1, { key: "k" });
  const hung = await cluster.leader();
  cluster.freeze(hung.nodeId);
  const enqueued = await q.enqueue(2, { key: "k" });
  expect(enqueued.keySeq).toBe(2);
  cluster.thaw(hung.nodeId);
  const leader = await cluster.leader();
  expect(leader.nodeId).not.toBe(hung.nodeId);
  await cluster.caughtUp(hung.nodeId);
  const info = await producer.getQueue("q");
  expect(info.ready).toBe(2);
});

test("R5, C7: a node whose disk was wiped is refused under its old number", async () => {
  const lines: string[] = [];
  const deaths: string[] = [];
  const cluster = await startCluster({
    onLine: (_id, line) => lines.push(line),
    onDeath: (id, how) => deaths.push(`node ${id} ${how}`),
  });
  const producer = await client(cluster);
  await producer.createQueue("q");
  await producer.queue<number>("q").enqueue(1, { key: "k" });
  const leader = await cluster.leader();
  const wiped = cluster.nodeIds.find((id) => id !== leader.nodeId)!;
  await until("its disk is written down", async () => {
    const view = await cluster.view(leader.nodeId);
    return view?.members.every((member) => member.incarnation !== "") === true;
  });
  await cluster.wipe(wiped);
  await cluster.restart(wiped);
  // Its log says why and what to do, and the exit code that a restart is of no use.
  await until("it ends", () => deaths.length > 0);
  expect(deaths).toEqual([`node ${wiped} exited with code 78`]);
  expect(lines.some((line) => line.includes(`raftq cluster replace ${wiped} --with`))).toBe(true);
  expect(lines.some((line) => line.includes("the node is no member any more"))).toBe(true);
  // Two of three go on.
  const [held] = await producer
    .queue<number>("q")
    .receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 });
  expect(held?.value).toBe(1);
});

test("E7, I2: a follower that missed more than the log keeps gets a snapshot and agrees with the leader (R9)", async () => {
  const cluster = await startCluster({
    serverFlags: [
      "--log-retain-bytes",
      "1048576",
      "--segment-bytes",
      "262144",
      "--cache-bytes-max",
      "1048576",
    ],
  });
  const producer = await client(cluster);
  await producer.createQueue("q");
  const q = producer.queue<string>("q");
  const leader = await cluster.leader();
  const absent = cluster.nodeIds.find((id) => id !== leader.nodeId)!;
  await cluster.kill(absent);
  const body = "x".repeat(2_000);
  for (let batch = 0; batch < 20; batch += 1) {
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => q.enqueue(body, { key: `k${i % 20}` })),
    );
  }
  const first = async (): Promise<number> => {
    const view = await cluster.view(leader.nodeId);
    return view?.members.find((member) => member.nodeId === leader.nodeId)?.firstIndex ?? 0;
  };
  await until("the log was compacted", async () => (await first()) > 10);
  await cluster.restart(absent);
  await cluster.caughtUp(absent, 60_000, 0);
  await q.enqueue("last", { key: "k0" });
  // Equal digests at an equal index.
  await until("all have the same digest", async () => {
    const views = await Promise.all(cluster.nodeIds.map((id) => cluster.view(id)));
    const own = views.map((view) => view?.members.find((member) => member.nodeId === view.nodeId));
    const at = own.map((member) => `${member?.appliedIndex} ${member?.stateDigest}`);
    return new Set(at).size === 1;
  });
  // The state that came as a snapshot is a whole one: kill the others' majority member and go on from it.
  await cluster.kill(leader.nodeId);
  const info = await producer.getQueue("q");
  expect(info.ready).toBe(4_001);
  const [head] = await q.receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 });
  expect(head?.message.keySeq).toBe(1);
});

test("SIGTERM: a leader that is told to stop answers what is under way; the others go on", async () => {
  const cluster = await startCluster();
  const producer = await client(cluster);
  await producer.createQueue("q");
  const q = producer.queue<number>("q");
  const leader = await cluster.leader();
  const calls = Array.from({ length: 500 }, (_, n) => q.enqueue(n, { key: `k${n % 10}` }));
  const stopped = cluster.kill(leader.nodeId, "SIGTERM");
  const answers = await Promise.all(calls);
  await stopped;
  expect(new Set(answers.map((answer) => answer.seq)).size).toBe(500);
  expect((await producer.getQueue("q")).ready).toBe(500);
});

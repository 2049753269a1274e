// The standard services that tools expect of a gRPC server.

import { Client as GrpcClient, credentials } from "@grpc/grpc-js";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { startCluster, until } from "./support.ts";

const same = (bytes: Buffer): Buffer => bytes;

/** A message with one string field. */
function text(field: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(field * 8 + 2, value.length), Buffer.from(value)]);
}

function health(endpoint: string, service: string): Promise<Buffer> {
  const client = new GrpcClient(endpoint, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const request = service === "" ? Buffer.alloc(0) : text(1, service);
    client.makeUnaryRequest("/grpc.health.v1.Health/Check", same, same, request, (error, reply) => {
      client.close();
      if (error === null && reply !== undefined) resolve(reply);
      else reject(error ?? new Error("no reply"));
    });
  });
}

const serving = Buffer.of(8, 1);
const notServing = Buffer.of(8, 2);

test("grpc.health.v1: every node of a cluster with a leader serves; the queue API is served by the leader", async () => {
  const cluster = await startCluster();
  const leader = await cluster.leader();
  for (const id of cluster.nodeIds) {
    await until("it knows its leader", async () =>
      (await health(cluster.endpoint(id), "")).equals(serving),
    );
    const queue = await health(cluster.endpoint(id), "raftq.v1.Queue");
    expect(queue.equals(id === leader.nodeId ? serving : notServing)).toBe(true);
  }
});

test("server reflection: a tool finds the services and their messages without our files", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const client = new GrpcClient(cluster.endpoint(1), credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    same,
    same,
  );
  const answers: string[] = [];
  const twice = new Promise<void>((resolve, reject) => {
    stream.on("data", (bytes: Buffer) => {
      answers.push(bytes.toString("latin1"));
      if (answers.length === 2) resolve();
    });
    stream.on("error", reject);
  });
  stream.write(text(7, "*"));
  stream.write(text(4, "raftq.v1.Queue"));
  await twice;
  stream.end();
  client.close();
  for (const service of ["raftq.v1.Queue", "raftq.v1.Admin", "grpc.health.v1.Health"]) {
    expect(answers[0]).toContain(service);
  }
  for (const name of ["EnqueueRequest", "fencing_token", "ServerFrame"])
    expect(answers[1]).toContain(name);
});

test("a cluster of one node works: the smallest thing to try", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const { connect } = await import("../../client/index.ts");
  const client = await connect({ endpoints: cluster.endpoints });
  await client.createQueue("q");
  const q = client.queue<number>("q");
  await q.enqueue(1, { key: "k" });
  await cluster.kill(1);
  await cluster.restart(1);
  const [first] = await q.receiveBatch({ maxMessages: 1, maxWaitMs: 5_000 });
  expect(first?.value).toBe(1);
  await client.close();
});

test.skipIf(process.platform !== "linux")(
  "I5: a server's thread pool has room for calls that hang: 16 threads, not libuv's 4",
  async () => {
    const cluster = await startCluster({ nodes: 1 });
    const threads = readdirSync(`/proc/${cluster.pid(1)!}/task`).length;
    // The main thread, V8's own (4 at least), RocksDB's (2) and the pool's.
    expect(threads).toBeGreaterThanOrEqual(1 + 4 + 2 + 16);
  },
);

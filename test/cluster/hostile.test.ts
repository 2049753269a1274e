// What a client or a stranger may send: it is refused by name, and never takes a node down.

import { Client as GrpcClient, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { connect as connectTcp } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import type { LocalCluster } from "../../cli/local-cluster.ts";
import { decodeError, type WireError } from "../../proto/frame.ts";
import { adminService, connectMethod, linkMethod, queueService } from "../../proto/load.ts";
import { client, startCluster } from "./support.ts";

let cluster: LocalCluster;
let leader: GrpcClient;
let session: string;

type Methods = string;

function call(method: Methods, request: object): Promise<{ answer?: object; error?: WireError }> {
  const services = { ...queueService, ...adminService } as unknown;
  const definition = (services as Record<string, typeof connectMethod | undefined>)[method]!;
  return new Promise((resolve, reject) => {
    leader.makeUnaryRequest(
      definition.path,
      definition.requestSerialize as unknown as (value: object) => Buffer,
      definition.responseDeserialize as unknown as (value: Buffer) => object,
      request,
      new Metadata(),
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, answer?: object) => {
        if (error === null) {
          resolve({ answer: answer! });
          return;
        }
        const detail = error.metadata.get("raftq-error-bin")[0];
        if (!Buffer.isBuffer(detail)) {
          reject(error);
          return;
        }
        const decoded = decodeError(detail);
        expect(decoded.code).toBe(error.code);
        resolve({ error: decoded });
      },
    );
  });
}

beforeAll(async () => {
  cluster = await startCluster();
  const ready = await client(cluster);
  await ready.createQueue("q");
  leader = new GrpcClient((await cluster.leader()).endpoint, credentials.createInsecure());
  const opened = await call("OpenSession", {});
  session = (opened.answer as { sessionId: string }).sessionId;
});

const lease = { queue: "q", key: "k", keySeq: 1, fencingToken: 1 };
const longKey = "k".repeat(257);
const learner = { nodeId: 9, peerAddress: "h:1", clientAddress: "h:2" };

describe("bad input to each call: status, reason, field", () => {
  test.each<[Methods, object, string, string]>([
    ["CreateQueue", { name: "" }, "MALFORMED", "name"],
    ["CreateQueue", { name: "a b" }, "MALFORMED", "name"],
    ["CreateQueue", { name: "x".repeat(129) }, "MALFORMED", "name"],
    ["CreateQueue", { name: "n", options: { ordering: 99 } }, "MALFORMED", "options.ordering"],
    [
      "CreateQueue",
      { name: "n", options: { onExhausted: 9 } },
      "MALFORMED",
      "options.on_exhausted",
    ],
    ["CreateQueue", { name: "n", options: { leaseMs: -1 } }, "MALFORMED", "options.lease_ms"],
    [
      "CreateQueue",
      { name: "n", options: { maxAttempts: 0 } },
      "MALFORMED",
      "options.max_attempts",
    ],
    [
      "CreateQueue",
      { name: "n", options: { maxMessages: -5 } },
      "MALFORMED",
      "options.max_messages",
    ],
    [
      "CreateQueue",
      { name: "n", options: { retry: { multiplier: 0.5 } } },
      "MALFORMED",
      "options.retry.multiplier",
    ],
    [
      "CreateQueue",
      { name: "n", options: { onExhausted: "DEAD_LETTER" } },
      "MALFORMED",
      "options.dead_letter_queue",
    ],
    [
      "CreateQueue",
      { name: "n", options: { onExhausted: "DEAD_LETTER", deadLetterQueue: "gone" } },
      "QUEUE_NOT_FOUND",
      "options.dead_letter_queue",
    ],
    ["GetQueue", { name: "" }, "MALFORMED", "name"],
    ["GetQueue", { name: "gone" }, "QUEUE_NOT_FOUND", "name"],
    ["GetQueue", { name: "q", consistency: 7 }, "MALFORMED", "consistency"],
    ["ListQueues", { consistency: 7 }, "MALFORMED", "consistency"],
    ["UpdateQueue", { name: "q", revision: -1 }, "MALFORMED", "revision"],
    [
      "UpdateQueue",
      { name: "q", revision: 77, options: { paused: true } },
      "REVISION_CONFLICT",
      "revision",
    ],
    ["UpdateQueue", { name: "gone" }, "QUEUE_NOT_FOUND", "name"],
    ["DeleteQueue", { name: "?" }, "MALFORMED", "name"],
    ["DeleteQueue", { name: "gone" }, "QUEUE_NOT_FOUND", "name"],
    ["OpenSession", { ttlMs: 5 }, "MALFORMED", "ttl_ms"],
    ["OpenSession", { ttlMs: -5 }, "MALFORMED", "ttl_ms"],
    ["OpenSession", { name: "n".repeat(129) }, "MALFORMED", "name"],
    ["KeepAlive", { sessionId: "nonsense" }, "MALFORMED", "session_id"],
    ["KeepAlive", { sessionId: "other:1" }, "MALFORMED", "session_id"],
    ["CloseSession", { sessionId: "other:1" }, "MALFORMED", "session_id"],
    ["CloseSession", { sessionId: "test:999999" }, "SESSION_EXPIRED", "session_id"],
    ["Enqueue", { queue: "" }, "MALFORMED", "queue"],
    ["Enqueue", { queue: "gone", key: "k" }, "QUEUE_NOT_FOUND", "queue"],
    ["Enqueue", { queue: "q" }, "KEY_REQUIRED", "key"],
    ["Enqueue", { queue: "q", key: longKey }, "MALFORMED", "key"],
    [
      "Enqueue",
      { queue: "q", key: "k", content: { body: Buffer.alloc(1_100_000) } },
      "TOO_LARGE",
      "content",
    ],
    [
      "Enqueue",
      { queue: "q", key: "k", caller: { sessionId: "other:1", sequence: 1 } },
      "MALFORMED",
      "caller.session_id",
    ],
    [
      "Enqueue",
      { queue: "q", key: "k", caller: { sessionId: "test:999999", sequence: 1 } },
      "SESSION_EXPIRED",
      "session_id",
    ],
    [
      "Enqueue",
      { queue: "q", key: "k", caller: { sequence: 1 } },
      "MALFORMED",
      "caller.session_id",
    ],
    ["EnqueueBatch", { queue: "q", messages: [] }, "MALFORMED", "messages"],
    [
      "EnqueueBatch",
      { queue: "q", messages: [{ key: "k" }, { key: longKey }] },
      "MALFORMED",
      "messages[1].key",
    ],
    ["Receive", { queue: "q" }, "MALFORMED", "caller.session_id"],
    ["Ack", {}, "MALFORMED", "lease"],
    ["Ack", { lease: { ...lease, queue: "" } }, "MALFORMED", "lease.queue"],
    ["Ack", { lease: { ...lease, keySeq: -1 } }, "MALFORMED", "lease.key_seq"],
    ["Ack", { lease: { ...lease, fencingToken: 0 } }, "MALFORMED", "lease.fencing_token"],
    ["Ack", { lease: { ...lease, keySeq: 99 } }, "MESSAGE_NOT_FOUND", "lease.key_seq"],
    ["Nack", { lease, delayMs: -1 }, "MALFORMED", "delay_ms"],
    ["Nack", { lease, error: "e".repeat(1_025) }, "MALFORMED", "error"],
    ["Release", { lease: { ...lease, queue: "gone" } }, "QUEUE_NOT_FOUND", "queue"],
    ["Reject", { lease, error: "e".repeat(1_025) }, "MALFORMED", "error"],
    ["Extend", { lease, leaseMs: 5 }, "MALFORMED", "lease_ms"],
    ["AddLearner", {}, "MALFORMED", "node_id"],
    ["AddLearner", { ...learner, nodeId: -4 }, "MALFORMED", "node_id"],
    ["AddLearner", { ...learner, nodeId: 2 ** 31 + 1 }, "MALFORMED", "node_id"],
    ["AddLearner", { ...learner, peerAddress: "" }, "MALFORMED", "peer_address"],
    ["AddLearner", { ...learner, peerAddress: "nowhere" }, "MALFORMED", "peer_address"],
    ["AddLearner", { ...learner, clientAddress: "h:0" }, "MALFORMED", "client_address"],
    ["AddLearner", { ...learner, clientAddress: "h:99999" }, "MALFORMED", "client_address"],
    ["AddLearner", { ...learner, clientAddress: "a/b:1" }, "MALFORMED", "client_address"],
    ["AddLearner", { ...learner, clientAddress: "hö:1" }, "MALFORMED", "client_address"],
    [
      "AddLearner",
      { ...learner, peerAddress: `${"x".repeat(300)}:1` },
      "MALFORMED",
      "peer_address",
    ],
    ["AddLearner", { ...learner, nodeId: 1 }, "MEMBER_EXISTS", "node_id"],
    ["PromoteMember", {}, "MALFORMED", "node_id"],
    ["PromoteMember", { nodeId: 9 }, "MEMBER_NOT_FOUND", "node_id"],
    ["RemoveMember", { nodeId: 1.5e300 }, "MALFORMED", "node_id"],
    ["RemoveMember", { nodeId: 9 }, "MEMBER_NOT_FOUND", "node_id"],
    ["TransferLeadership", { nodeId: -1 }, "MALFORMED", "node_id"],
    ["TransferLeadership", { nodeId: 9 }, "MEMBER_NOT_FOUND", "node_id"],
  ])("%s: %#", async (method, request, reason, field) => {
    const { error } = await call(method, request);
    expect(error?.reason).toBe(reason);
    expect(error?.outcome).toBe("NOT_APPLIED");
    expect(error?.message).not.toBe("");
    expect(error?.field).toBe(field);
  });

  test("Receive: sequence gaps and impossible waits", async () => {
    const caller = { sessionId: session, sequence: 7 };
    const gap = await call("Receive", { queue: "q", caller });
    expect(gap.error?.reason).toBe("SEQUENCE_GAP");
    const wait = await call("Receive", { queue: "q", caller, maxWaitMs: 60_001 });
    expect(wait.error).toMatchObject({ reason: "MALFORMED", field: "max_wait_ms" });
    const many = await call("Receive", { queue: "q", caller, maxMessages: 1_001 });
    expect(many.error).toMatchObject({ reason: "MALFORMED", field: "max_messages" });
  });
});

/** A small seeded generator: the same bytes at every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function noise(next: () => number, bytesMax: number): Buffer {
  return Buffer.from(
    Array.from({ length: Math.floor(next() * bytesMax) }, () => Math.floor(next() * 256)),
  );
}

async function sendNoise(
  endpoint: string,
  path: string,
  frames: readonly Buffer[],
  metadata = new Metadata(),
): Promise<void> {
  const stranger = new GrpcClient(endpoint, credentials.createInsecure());
  await new Promise<void>((resolve) => {
    const stream = stranger.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
    );
    stream.on("error", () => resolve());
    stream.on("end", () => resolve());
    stream.on("data", () => undefined);
    for (const frame of frames) stream.write(frame);
    stream.end();
  });
  stranger.close();
}

async function pour(address: string, bytes: Buffer): Promise<void> {
  const [host, port] = address.split(":");
  await new Promise<void>((resolve) => {
    const socket = connectTcp({ host: host!, port: Number(port) });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.on("connect", () => socket.end(bytes));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.resume();
  });
}

describe("random bytes never take a node down", () => {
  test("as frames on the client's stream, before and after attach; as frames and as TCP on both ports", async () => {
    const next = random(20_260_920);
    const { ClientFrameWriter } = await import("../../proto/frame.ts");
    const attach = new ClientFrameWriter();
    const endpoint = (await cluster.leader()).endpoint;
    const peerAddress = endpoint.replace(/:(\d+)$/, (_, port: string) => `:${Number(port) + 1}`);
    for (let round = 0; round < 60; round += 1) {
      await sendNoise(endpoint, connectMethod.path, [noise(next, 300)]);
      attach.attach(session);
      await sendNoise(endpoint, connectMethod.path, [
        attach.finish(),
        noise(next, 300),
        noise(next, 50),
      ]);
      await sendNoise(peerAddress, linkMethod.path, [noise(next, 300)]);
      // As somebody who introduces himself as a member; the incarnation gives him away.
      const member = new Metadata();
      for (const [name, value] of Object.entries({
        protocol: "1",
        cluster: "test",
        group: "0",
        node: "2",
        to: "1",
        incarnation: "x",
      }))
        member.set(`raftq-${name}`, value);
      await sendNoise(peerAddress, linkMethod.path, [noise(next, 300)], member);
      if (round % 10 === 0) {
        await pour(endpoint, noise(next, 5_000));
        await pour(peerAddress, noise(next, 5_000));
      }
    }
    for (const id of cluster.nodeIds) expect(cluster.isRunning(id)).toBe(true);
    const still = await client(cluster);
    const answer = await still.queue<string>("q").enqueue("still here", { key: "fuzz" });
    expect(answer.keySeq).toBe(1);
  });
});

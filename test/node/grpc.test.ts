// The services over real gRPC connections: what only grpc-js itself can show. Nothing here depends on how long anything
// takes: every wait is for an event.

import { Client, credentials, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../node/clock.ts";
import type { Incarnations, Speaker } from "../../node/grpc/handshake.ts";
import { PeerLinks } from "../../node/grpc/peer-links.ts";
import { peerFrame } from "../../node/grpc/peer-frame.ts";
import { serveClients, servePeers, type Listening } from "../../node/grpc/server.ts";
import { introduce } from "../../node/grpc/handshake.ts";
import { Node } from "../../node/node.ts";
import { openLog } from "../../node/open-log.ts";
import { StateDirectory } from "../../node/state-directory.ts";
import {
  ClientFrameWriter,
  decodeError,
  decodeServerFrame,
  errorMetadataKey,
  type ServerFrame,
} from "../../proto/frame.ts";
import { queueService, raftService } from "../../proto/load.ts";
import { defaultOptions, type Answer, type Command } from "../../queue/index.ts";
import type { Message, NodeId } from "../../raft/index.ts";
import { configOf, randomFrom, silent, SimStores } from "./fakes.ts";
import { SimDisk } from "./log/sim-disk.ts";

type Stream = ClientDuplexStream<Buffer, Buffer>;

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A node that listens; of a cluster of one, or of three of which it is the only one that runs. */
async function serving(members = 1) {
  const config = configOf(1, members, { electionMs: 100, heartbeatMs: 20 });
  const disk = new SimDisk({ random: randomFrom(1) });
  const failures: unknown[] = [];
  const opened = await StateDirectory.open(disk, "data/state", new SimStores(), config);
  const { log, restored } = await openLog(disk, "data/log", config, silent, opened.installed);
  const node = new Node(config, {
    clock: systemClock,
    log,
    restored,
    states: opened.directory,
    state: opened.state,
    random: randomFrom(2),
    logger: silent,
    fatal: (error) => failures.push(error),
    connect: () => ({ send: () => undefined, close: () => Promise.resolve() }),
  });
  const listening = await serveClients("127.0.0.1:0", {
    node,
    clock: systemClock,
    clusterId: "test",
    members: config.members,
    version: "0",
    tickMs: config.tickMs,
    outboxBytesMax: 128 * 1024,
    logger: silent,
  });
  cleanups.push(async () => {
    await node.stop();
    await listening.stop(0);
    expect(failures).toEqual([]);
  });
  if (members === 1) await until(() => node.ready);
  const ask = (command: Command): Promise<Answer> =>
    new Promise((resolve, reject) => {
      node.submit({ session: 0, sequence: 0, floor: 0 }, command, (answer) => {
        if ("kind" in answer) reject(new Error(answer.kind));
        else resolve(answer);
      });
    });
  const session = async (): Promise<string> => {
    const { reply } = await ask({ kind: "open-session", name: "s", ttlMs: 60_000 });
    return `test:${reply.kind === "session-opened" ? reply.session : 0}`;
  };
  return { node, listening, ask, session };
}

function dial(listening: Listening): Client {
  const client = new Client(`127.0.0.1:${listening.port}`, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
  });
  cleanups.push(() => client.close());
  return client;
}

interface Seen {
  readonly stream: Stream;
  readonly frames: ServerFrame[];
  /** undefined: it has not ended. */
  ended: { readonly code: number; readonly reason: string } | undefined;
  readonly writer: ClientFrameWriter;
  say(): void;
}

function open(listening: Listening, attachTo?: string, reading = true): Seen {
  const { path, requestSerialize, responseDeserialize } = queueService.Connect;
  const stream = dial(listening).makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const writer = new ClientFrameWriter();
  const seen: Seen = {
    stream,
    frames: [],
    ended: undefined,
    writer,
    say: () => stream.write(Buffer.from(writer.finish())),
  };
  if (reading) stream.on("data", (bytes: Buffer) => seen.frames.push(decodeServerFrame(bytes)));
  stream.on("error", (error: ServiceError) => {
    const bytes = error.metadata.get(errorMetadataKey)[0];
    const reason = Buffer.isBuffer(bytes) ? decodeError(bytes).reason : error.details;
    seen.ended = { code: error.code, reason };
  });
  stream.on("end", () => (seen.ended ??= { code: 0, reason: "" }));
  if (attachTo !== undefined) {
    writer.attach(attachTo);
    seen.say();
  }
  return seen;
}

const createQueue: Command = { kind: "create-queue", name: "q", options: defaultOptions() };

describe("Connect over gRPC", () => {
  test("attach, commands, answers, a heartbeat; a cancelled stream is detached", async () => {
    const { node, listening, ask, session } = await serving();
    await ask(createQueue);
    const one = open(listening, await session());
    one.writer.command(1, { op: "enqueue", queue: "q", key: "a", content: new Uint8Array(3) });
    one.writer.heartbeat(9);
    one.say();
    await until(() => one.frames.some(({ replies }) => replies.length > 0));
    expect(one.frames[0]?.attached).toEqual({ nextSequence: 1, ttlMs: 60_000 });
    await until(() => one.frames.some(({ heartbeat }) => heartbeat === 9));
    expect(node.streams.count).toBe(1);
    one.stream.cancel();
    await until(() => node.streams.count === 0);
  });

  test("without a leader: UNAVAILABLE / NO_LEADER", async () => {
    const { listening } = await serving(3);
    const one = open(listening, "test:1");
    await until(() => one.ended !== undefined);
    expect(one.ended).toEqual({ code: 14, reason: "NO_LEADER" });
  });

  test("bytes that are no frame: INVALID_ARGUMENT / MALFORMED, and the connection serves the next stream", async () => {
    const { listening, session } = await serving();
    const one = open(listening);
    one.stream.write(Buffer.from([0xff, 0xff]));
    await until(() => one.ended !== undefined);
    expect(one.ended).toEqual({ code: 3, reason: "MALFORMED" });
    const two = open(listening, await session());
    await until(() => two.frames.length > 0);
  });

  test("many malformed frames at once end the stream once", async () => {
    const { listening, session } = await serving();
    const one = open(listening, await session());
    await until(() => one.frames.length > 0);
    for (let i = 0; i < 50; i += 1) one.stream.write(Buffer.from([0xff, i]));
    await until(() => one.ended !== undefined);
    expect(one.ended?.reason).toBe("MALFORMED");
  });

  test("a frame above the limit is refused by gRPC, not by a crash", async () => {
    const { node, listening, session } = await serving();
    const one = open(listening, await session());
    await until(() => one.frames.length > 0);
    one.stream.write(Buffer.alloc(9 * 1024 * 1024));
    await until(() => one.ended !== undefined);
    expect(one.ended?.code).toBe(8);
    await until(() => node.streams.count === 0);
  });

  test("replaced: the older stream ends with UNAVAILABLE, the newer one has the deliveries", async () => {
    const { listening, ask, session } = await serving();
    await ask(createQueue);
    const name = await session();
    const one = open(listening, name);
    one.writer.command(1, { op: "subscribe", consumer: 1, queue: "q", credit: 5, leaseMs: 0 });
    one.say();
    await until(() => one.frames.some(({ replies }) => replies.length > 0));
    const two = open(listening, name);
    await until(() => one.ended !== undefined && two.frames.length > 0);
    expect(one.ended?.code).toBe(14);
    await ask({ kind: "enqueue", queue: "q", message: { key: "a", content: new Uint8Array(1) } });
    await until(() => two.frames.some(({ deliveries }) => deliveries.length > 0));
  });

  test("half-close: the answers that are under way, then OK", async () => {
    const { listening, ask, session } = await serving();
    await ask(createQueue);
    const one = open(listening, await session());
    for (let i = 1; i <= 20; i += 1)
      one.writer.command(i, { op: "enqueue", queue: "q", key: "a", content: new Uint8Array(3) });
    one.say();
    one.stream.end();
    await until(() => one.ended !== undefined);
    expect(one.ended?.code).toBe(0);
    expect(one.frames.flatMap(({ replies }) => replies)).toHaveLength(20);
  });

  test("back-pressure: a client that does not read gets everything, in order, when it reads again", async () => {
    const { node, listening, ask, session } = await serving();
    await ask(createQueue);
    for (let i = 0; i < 1_500; i += 1) {
      const asked = ask({
        kind: "enqueue",
        queue: "q",
        message: { key: `k${i}`, content: Buffer.alloc(10_000) },
      });
      if (i % 50 === 0) await asked;
    }
    await ask({ kind: "tick" });
    const one = open(listening, await session(), false);
    one.writer.command(1, { op: "subscribe", consumer: 1, queue: "q", credit: 10_000, leaseMs: 0 });
    one.say();
    await until(() => node.machine.queueInfo("q")?.leased === 1_500);
    // It says a lot, and reads nothing.
    for (let i = 2; i < 200; i += 1) {
      one.writer.command(i, { op: "enqueue", queue: "q", key: "z", content: new Uint8Array(10) });
      one.say();
    }
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    one.stream.on("data", (bytes: Buffer) => one.frames.push(decodeServerFrame(bytes)));
    const tokens = (): number[] =>
      one.frames.flatMap(({ deliveries }) => deliveries.map(({ fencingToken }) => fencingToken));
    await until(() => tokens().length >= 1_501);
    expect(tokens()).toEqual([...tokens()].sort((a, b) => a - b));
    await until(() => one.frames.flatMap(({ replies }) => replies).length === 199);
  });

  test("the node stops: every stream hears SHUTTING_DOWN, also those that do not read, and the server ends", async () => {
    const { node, listening, session } = await serving();
    const one = open(listening, await session());
    const deaf = open(listening, await session(), false);
    await until(() => node.streams.count === 2);
    await node.stop();
    await until(() => one.ended !== undefined);
    expect(one.ended).toEqual({ code: 14, reason: "SHUTTING_DOWN" });
    await listening.stop(50);
    deaf.stream.cancel();
  });
});

describe("peers over gRPC", () => {
  function remembering(): Incarnations {
    const known = new Map<NodeId, string>();
    return {
      known: (peer) => known.get(peer),
      remember: (peer, name) => void known.set(peer, name),
    };
  }

  const speaker = (nodeId: number, incarnation = `disk-${nodeId}`): Speaker => ({
    clusterId: "c",
    nodeId,
    incarnation,
  });
  const members = new Set([1, 2]);
  const heartbeat = (round: number): Message => ({
    kind: "heartbeat",
    from: 2,
    to: 1,
    term: 1,
    commit: 0,
    round,
  });

  async function receiver(incarnations = remembering()) {
    const messages: Message[] = [];
    const hungUp: NodeId[] = [];
    const listening = await servePeers("127.0.0.1:0", {
      me: speaker(1),
      members,
      incarnations,
      logger: silent,
      events: {
        message: (message) => messages.push(message),
        unreachable: () => undefined,
        hungUp: (peer) => hungUp.push(peer),
      },
    });
    cleanups.push(() => listening.stop(0));
    return { listening, messages, hungUp };
  }

  function linksTo(port: number, me = speaker(2)) {
    const unreachable: NodeId[] = [];
    const links = new PeerLinks([{ id: 1, peer: `127.0.0.1:${port}`, client: "" }], {
      me,
      clock: systemClock,
      logger: silent,
      members,
      incarnations: remembering(),
      unreachable: (peer) => unreachable.push(peer),
    });
    cleanups.push(() => links.close());
    return { links, unreachable };
  }

  test("messages arrive in order; closing is heard as the end of the process", async () => {
    const { listening, messages, hungUp } = await receiver();
    const { links } = linksTo(listening.port);
    while (messages.length === 0) {
      links.send([heartbeat(1)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (let round = 2; round < 200; round += 1) links.send([heartbeat(round)]);
    await until(() =>
      messages.some((message) => message.kind === "heartbeat" && message.round === 199),
    );
    const rounds = messages.map((message) => (message.kind === "heartbeat" ? message.round : 0));
    expect(rounds).toEqual([...rounds].sort((a, b) => a - b));
    await links.close();
    await until(() => hungUp.length > 0);
    expect(hungUp).toEqual([2]);
  });

  test("C7: a node with another disk gets no message through", async () => {
    const incarnations = remembering();
    incarnations.remember(2, "disk-2");
    const { listening, messages } = await receiver(incarnations);
    const client = dial(listening);
    const { path, requestSerialize, responseDeserialize } = raftService.Link;
    const stream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      introduce(speaker(2, "wiped"), 1),
    );
    const refusal = await new Promise<ServiceError>((resolve) => {
      stream.on("data", () => undefined);
      stream.on("error", resolve);
      stream.write(peerFrame([]));
    });
    expect(refusal.code).toBe(9);
    expect(refusal.details).toMatch(/lost its data/);
    expect(messages).toEqual([]);
  });

  test("a malformed frame ends the link with INVALID_ARGUMENT; the node goes on, messages of strangers are dropped", async () => {
    const { listening, messages, hungUp } = await receiver();
    const { path, requestSerialize, responseDeserialize } = raftService.Link;
    const stream = dial(listening).makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      introduce(speaker(2), 1),
    );
    const ended = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
    stream.on("data", () => undefined);
    for (let i = 0; i < 20; i += 1) stream.write(Buffer.from([0xff, i]));
    expect((await ended).code).toBe(3);
    await until(() => hungUp.length > 0);
    expect(hungUp).toEqual([2]);
    expect(messages).toEqual([]);
  });

  test("a link that breaks is reported, and opened again", async () => {
    const first = await receiver();
    const { links, unreachable } = linksTo(first.listening.port);
    while (first.messages.length === 0) {
      links.send([heartbeat(1)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { port } = first.listening;
    await first.listening.stop(0);
    await until(() => unreachable.length > 0);
    expect(unreachable).toEqual([1]);
    const messages: Message[] = [];
    const again = await servePeers(`127.0.0.1:${port}`, {
      me: speaker(1),
      members,
      incarnations: remembering(),
      logger: silent,
      events: {
        message: (message) => messages.push(message),
        unreachable: () => undefined,
        hungUp: () => undefined,
      },
    });
    cleanups.push(() => again.stop(0));
    while (messages.length === 0) {
      links.send([heartbeat(2)]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

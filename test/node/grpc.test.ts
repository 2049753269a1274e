// The services over real gRPC connections: what only grpc-js itself can show. Nothing here depends on how long anything
// takes: every wait is for an event.

import { Client, credentials, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { createServer, type AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../node/clock.ts";
import { PeerLinks } from "../../node/grpc/peer-links.ts";
import { peerFrame } from "../../node/grpc/peer-frame.ts";
import { serveClients, servePeers, type Listening } from "../../node/grpc/server.ts";
import { introductionMetadata, isDismissal, refusalStatus } from "../../node/grpc/handshake.ts";
import type { Introduction } from "../../node/introduction.ts";
import { Members } from "../../node/members.ts";
import { openNode } from "../../node/open-node.ts";
import type { PeerMessage } from "../../node/peer-report.ts";
import { encodeRoster, rosterOf, withoutMembers } from "../../node/roster.ts";
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
import { configOf, randomFrom, silent } from "./fakes.ts";
import { SimStores } from "../../testing/disk/sim-stores.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";

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
  const node = await openNode(config, {
    disk,
    stores: new SimStores(),
    clock: systemClock,
    random: randomFrom(2),
    logger: silent,
    fatal: (error) => failures.push(error),
    connect: () => ({ send: () => undefined, close: () => Promise.resolve() }),
  });
  const listening = await serveClients("127.0.0.1:0", {
    node,
    clock: systemClock,
    clusterId: "test",
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
  // Nobody listens there.
  const addresses = [1, 2, 3].map((id) => ({ id, peer: `127.0.0.1:${id}`, client: "" }));

  /** A node's view of a committed membership of three; node 1 listens at `port`. */
  function membersOf(nodeId: number, port = 1, incarnation = `disk-${nodeId}`): Members {
    const known = new Map<NodeId, string>();
    const given = [{ id: 1, peer: `127.0.0.1:${port}`, client: "" }];
    const members = new Members({ clusterId: "c", nodeId, incarnation }, given, {
      known: (peer) => known.get(peer),
      remember: (peer, name) => void known.set(peer, name),
    });
    const membership = {
      voters: [1, 2, 3],
      learners: [],
      context: encodeRoster(rosterOf(addresses)),
    };
    members.committed(0, membership);
    members.adopt(0, membership);
    return members;
  }

  function removes(members: Members, id: NodeId): void {
    const voters = [1, 2, 3].filter((voter) => voter !== id);
    const context = encodeRoster(withoutMembers(members.roster, [id]));
    members.adopt(9, { voters, learners: [], context });
    members.letGo(members.committed(9, { voters, learners: [], context }));
  }

  const heartbeat = (round: number): Message => ({
    kind: "heartbeat",
    from: 2,
    to: 1,
    term: 1,
    commit: 0,
    round,
  });

  async function receiver(members = membersOf(1)) {
    const messages: PeerMessage[] = [];
    const hungUp: NodeId[] = [];
    const refusals: string[] = [];
    const write = (line: string): void =>
      void refusals.push((JSON.parse(line) as { kind: string }).kind);
    const listening = await servePeers("127.0.0.1:0", {
      members,
      logger: pino({ level: "warn" }, { write }),
      events: {
        message: (message) => messages.push(message),
        unreachable: () => undefined,
        hungUp: (peer) => hungUp.push(peer),
        dismissed: () => undefined,
      },
    });
    cleanups.push(() => listening.stop(0));
    return { listening, messages, hungUp, refusals, members };
  }

  function linksTo(port: number, members = membersOf(2, port)) {
    const unreachable: NodeId[] = [];
    const dismissals: string[] = [];
    const links = new PeerLinks({
      members,
      clock: systemClock,
      logger: silent,
      events: {
        unreachable: (peer) => unreachable.push(peer),
        dismissed: (message) => dismissals.push(message),
      },
    });
    cleanups.push(() => links.close());
    return { links, unreachable, dismissals, members };
  }

  function call(listening: Listening, said: Introduction): Stream {
    const { path, requestSerialize, responseDeserialize } = raftService.Link;
    const metadata = introductionMetadata(said);
    return dial(listening).makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
    );
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
    const { listening, messages, members } = await receiver();
    expect(members.meet(membersOf(2).introduce(1))).toBeUndefined();
    const stream = call(listening, membersOf(2, 1, "wiped").introduce(1));
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
    const stream = call(listening, membersOf(2).introduce(1));
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
    const messages: PeerMessage[] = [];
    const again = await servePeers(`127.0.0.1:${port}`, {
      members: membersOf(1),
      logger: silent,
      events: {
        message: (message) => messages.push(message),
        unreachable: () => undefined,
        hungUp: () => undefined,
        dismissed: () => undefined,
      },
    });
    cleanups.push(() => again.stop(0));
    while (messages.length === 0) {
      links.send([heartbeat(2)]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  test("H5: who does not answer is asked again, and given longer each time", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => void server.close());
    const patience: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (ms, act) => {
        // What waits between two attempts is less than half a second (retryMs).
        if (ms >= 1_000) patience.push(ms);
        return systemClock.after(1, act);
      },
    };
    const links = new PeerLinks({
      members: membersOf(2, (server.address() as AddressInfo).port),
      clock,
      logger: silent,
      events: { unreachable: () => undefined, dismissed: () => undefined },
    });
    cleanups.push(() => links.close());
    await until(() => patience.length >= 12);
    // There are two peers at that address.
    expect(patience.slice(0, 8)).toEqual([1_000, 2_000, 4_000, 4_000].flatMap((ms) => [ms, ms]));
  });

  test("IN5: a member that is removed hears so on its link, for good", async () => {
    const first = await receiver();
    const { links, dismissals } = linksTo(first.listening.port);
    while (first.messages.length === 0) {
      links.send([heartbeat(1)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    removes(first.members, 2);
    await until(() => dismissals.length > 0);
    expect(dismissals[0]).toMatch(/node 1 says: node 2 was removed from cluster c/);
  });

  test("C8: the last word to a member that leaves arrives, and its link is closed behind it", async () => {
    const { listening, messages, hungUp } = await receiver();
    const { links, members } = linksTo(listening.port);
    while (messages.length === 0) {
      links.send([heartbeat(1)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (let round = 2; round < 100; round += 1) links.send([heartbeat(round)]);
    removes(members, 1);
    await until(() => hungUp.length > 0);
    expect(messages.at(-1)).toEqual(heartbeat(99));
    links.send([heartbeat(100)]);
    expect(members.links.has(1)).toBe(false);
  });

  test("P3: a member that says that it has moved is dialled there", async () => {
    const [before, behind] = [await receiver(), await receiver(membersOf(1, 1, "disk-1"))];
    const members = membersOf(2);
    const { links } = linksTo(before.listening.port, members);
    expect(members.meet({ ...membersOf(1).introduce(2), peer: "127.0.0.1:9" })).toBeUndefined();
    // `--member` wins: node 2 was told where node 1 is.
    expect(members.links.get(1)).toBe("127.0.0.1:1");
    members.meet({
      ...membersOf(3).introduce(2),
      peer: `127.0.0.1:${behind.listening.port}`,
    });
    expect(members.links.get(3)).toBe(`127.0.0.1:${behind.listening.port}`);
    // The link to node 3 is opened at once, and finds node 1 there: it is refused as a call for somebody else.
    await until(() => behind.refusals.length > 0);
    expect(behind.refusals[0]).toBe("wrong-node");
    await links.close();
  });

  test("members that start together find each other down at first: a warning only if it lasts, once", async () => {
    const lines: { level: number; msg: string; cause: string }[] = [];
    const write = (line: string): void =>
      void lines.push(JSON.parse(line) as (typeof lines)[number]);
    const now = { ms: 0 };
    // Nobody listens at any of the addresses.
    const links = new PeerLinks({
      members: membersOf(2),
      clock: { ...systemClock, monotonicMs: () => now.ms },
      logger: pino({ level: "info" }, { write }),
      events: { unreachable: () => undefined, dismissed: () => undefined },
    });
    cleanups.push(() => links.close());
    const warnings = (): number => lines.filter(({ level }) => level === 40).length;
    await until(() => lines.length >= 2);
    expect(warnings()).toBe(0);
    now.ms = 6_000;
    await until(() => warnings() >= 2);
    const { length } = lines;
    for (let tries = 0; tries < 20; tries += 1) await new Promise((done) => setTimeout(done, 5));
    expect(lines).toHaveLength(length);
  });

  test("IN5: a stranger at the address of a member dismisses nobody", async () => {
    const foreign = new Members({ clusterId: "d", nodeId: 1, incarnation: "x" }, [], {
      known: () => undefined,
      remember: () => undefined,
    });
    const { listening } = await receiver(foreign);
    const refused = await new Promise<ServiceError>((resolve) => {
      const stream = call(listening, membersOf(2).introduce(1));
      stream.on("data", () => undefined);
      stream.on("error", resolve);
    });
    const { self } = membersOf(2);
    expect(refused.metadata.get("raftq-refusal")).toEqual(["wrong-cluster"]);
    expect(isDismissal(refused.metadata, self, 1)).toBe(false);
    for (const [clusterId, nodeId, dismisses] of [
      ["c", 1, true],
      ["d", 1, false],
      ["c", 3, false],
    ] as const) {
      const by = { clusterId, nodeId, incarnation: "disk" };
      const refusal = { kind: "removed", message: "", final: true } as const;
      expect(isDismissal(refusalStatus(refusal, by).metadata, self, 1)).toBe(dismisses);
      expect(isDismissal(refusalStatus({ ...refusal, final: false }, by).metadata, self, 1)).toBe(
        false,
      );
    }
  });
});

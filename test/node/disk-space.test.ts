// F9: a disk that fills. By itself, and on whole nodes in virtual time.

import { describe, expect, test } from "vitest";
import { DiskSpace, type DiskSpaceOptions } from "../../node/disk-space.ts";
import { defaultOptions, type Command, type Origin, type Reply } from "../../queue/index.ts";
import { ClusterOfNodes, nobody } from "./cluster-of-nodes.ts";
import { randomFrom, silent, VirtualTime } from "./fakes.ts";
import { diskError } from "../../testing/disk/disk-error.ts";
import { SimDisk, type Operation } from "../../testing/disk/sim-disk.ts";

const mebibyte = 1024 * 1024;

describe("DiskSpace", () => {
  /** A disk of which only one file of `used` bytes and the reserve take room. */
  function world(options: Partial<DiskSpaceOptions> = {}, capacityBytes = 100 * mebibyte) {
    const time = new VirtualTime();
    const state: { gate: (operation: Operation) => void | Promise<void> } = {
      gate: () => undefined,
    };
    const disk = new SimDisk({
      random: randomFrom(1),
      gate: (operation) => state.gate(operation),
      capacityBytes,
    });
    const all = { diskFreeMinBytes: 10 * mebibyte, diskReserveBytes: 0, ...options };
    const open = async (from: SimDisk = disk): Promise<DiskSpace> => {
      const opened = DiskSpace.open(from, "data", time.clock(), all, silent);
      await time.idle();
      const space = await opened;
      space.watch();
      return space;
    };
    return { time, disk, state, open };
  }

  test("S1: low below the watermark, and until an eighth more is free", async () => {
    const { time, disk, open } = world();
    const space = await open();
    expect(space.low).toBe(false);
    const seen: boolean[] = [];
    for (const free of [10, 9.9, 10, 11.2, 11.25, 10, 9]) {
      disk.capacityBytes = free * mebibyte;
      await time.advance(1_000);
      seen.push(space.low);
    }
    expect(seen).toEqual([false, true, true, true, false, false, true]);
    space.stop();
    disk.capacityBytes = 100 * mebibyte;
    await time.advance(5_000);
    expect(space.low).toBe(true);
  });

  test("a watermark of 0 is none", async () => {
    const { open } = world({ diskFreeMinBytes: 0 }, 0);
    const space = await open();
    expect([space.low, space.full, space.freeBytes]).toEqual([false, false, 0]);
  });

  test("S4: a look that fails or hangs changes nothing, and looks do not pile up", async () => {
    const { time, disk, state, open } = world({}, 5 * mebibyte);
    const space = await open();
    expect(space.low).toBe(true);
    disk.capacityBytes = 50 * mebibyte;
    state.gate = ({ kind, path }) => {
      if (kind === "free-bytes") throw diskError("EIO", path);
    };
    await time.advance(5_000);
    expect(space).toMatchObject({ low: true, freeBytes: 5 * mebibyte });
    state.gate = ({ kind }) =>
      kind === "free-bytes" ? new Promise<void>(() => undefined) : undefined;
    const before = disk.count("free-bytes");
    await time.advance(5_000);
    expect(disk.count("free-bytes")).toBe(before + 1);
  });

  const reserving = { diskReserveBytes: 3 * mebibyte + 5 };
  const reserveOf = (disk: SimDisk): number | undefined =>
    disk.paths().includes("data/reserve") ? disk.content("data/reserve").length : undefined;

  test("S2, S3: the reserve is made of written and synced bytes when there is room above the watermark", async () => {
    const { time, disk, open } = world(reserving, 14 * mebibyte);
    const space = await open();
    await time.advance(3_000);
    // 10 MiB and an eighth, and the reserve: more than 14.
    expect(disk.paths()).toEqual([]);
    disk.capacityBytes = 15 * mebibyte;
    await time.advance(3_000);
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
    expect(
      disk
        .content("data/reserve")
        .subarray(-1_000)
        .some((byte) => byte !== 0),
    ).toBe(true);
    expect(reserveOf(disk.crash())).toBe(reserving.diskReserveBytes);
    space.stop();
  });

  test("S2: it is given back at a start with less free than it holds, and made again when there is room", async () => {
    const { time, disk, open } = world(reserving);
    const first = await open();
    await time.advance(3_000);
    first.stop();
    disk.capacityBytes = 4 * mebibyte;
    const second = await open();
    expect(reserveOf(disk)).toBeUndefined();
    expect(second.low).toBe(true);
    await time.advance(3_000);
    expect(reserveOf(disk)).toBeUndefined();
    disk.capacityBytes = 100 * mebibyte;
    await time.advance(3_000);
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
    second.stop();
    // With room it stays.
    const third = await open();
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
    third.stop();
  });

  test("S2: not while the node runs, however full the disk becomes", async () => {
    const { time, disk, open } = world(reserving);
    const space = await open();
    await time.advance(3_000);
    disk.capacityBytes = reserving.diskReserveBytes;
    await time.advance(3_000);
    expect(space.full).toBe(true);
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
  });

  test("half a reserve from a crash, and one of another size, are replaced", async () => {
    const { time, disk, open } = world(reserving);
    for (const name of ["data/reserve", "data/reserve.tmp"]) {
      const file = await disk.open(name, "create");
      await file.write([Buffer.alloc(1_000)], 0);
      await file.close();
    }
    const space = await open();
    expect(disk.paths()).toEqual([]);
    await time.advance(3_000);
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
    expect(disk.paths()).toEqual(["data/reserve"]);
    space.stop();
  });

  test("a reserve that cannot be made is no failure of the node; it is tried again", async () => {
    const { time, disk, state, open } = world(reserving);
    state.gate = ({ kind, path }) => {
      if (kind === "write") throw diskError("ENOSPC", path);
    };
    const space = await open();
    await time.advance(2_500);
    expect(reserveOf(disk)).toBeUndefined();
    state.gate = () => undefined;
    await time.advance(3_000);
    expect(reserveOf(disk)).toBe(reserving.diskReserveBytes);
    space.stop();
  });
});

describe("F9: whole nodes on a disk that fills", () => {
  const min = mebibyte;
  const createQueue: Command = { kind: "create-queue", name: "q", options: defaultOptions("none") };
  const enqueue = {
    kind: "enqueue",
    queue: "q",
    message: { key: "", content: Buffer.alloc(8_000, 1) },
  } as const;

  async function filling(nodes = 3) {
    const world = await ClusterOfNodes.started({
      nodes,
      config: { diskFreeMinBytes: min, logRetainBytes: 512 * 1024 },
    });
    /** From now on the disk of a node has this much left. */
    const leave = (id: number, bytes: number): void => {
      const { disk } = world.member(id);
      disk.capacityBytes = disk.usedBytes + bytes;
    };
    const give = (id: number): void => {
      world.member(id).disk.capacityBytes = Infinity;
    };
    await world.ask(createQueue);
    await world.until(
      () =>
        world.running.every(
          ({ running }) => running.machine.version === running.machine.versionMax,
        ),
      5_000,
      "the rules that know DISK_WATERMARK",
    );
    const { session } = (await world.ask({ kind: "open-session", name: "s", ttlMs: 600_000 }))
      .reply as Extract<Reply, { kind: "session-opened" }>;
    let sequence = 0;
    const next = (): Origin => ({ session, sequence: ++sequence, floor: 1 });
    const say = async (command: Command, origin: Origin = next()): Promise<string> => {
      const { reply } = await world.ask(command, origin);
      return reply.kind === "refused" ? reply.refusal.reason : reply.kind;
    };
    const receive = async () => {
      const { reply } = await world.ask(
        { kind: "receive", queue: "q", maxMessages: 1, maxWaitMs: 0, leaseMs: 30_000 },
        next(),
      );
      const [grant] = reply.kind === "received" ? reply.grants : [];
      if (grant === undefined) throw new Error("no message");
      const { queue, lane, keySeq, token } = grant;
      return { queue, lane, keySeq, token };
    };
    return { world, leave, give, say, receive, next };
  }

  test("below the leader's watermark enqueues are refused, everything else passes; with room it goes on", async () => {
    const { world, leave, give, say, receive, next } = await filling();
    for (let i = 0; i < 4; i += 1) expect(await say(enqueue)).toBe("enqueued");
    const { id: leader } = await world.elected();
    leave(leader, min - 1);
    await world.run(1_500);
    const origin = next();
    const answer = await world.ask(enqueue, origin);
    expect(answer.reply).toMatchObject({
      kind: "refused",
      refusal: { reason: "DISK_WATERMARK", retryAfterMs: 1_000 },
    });
    // Also without a session; a batch too.
    expect(await say(enqueue, nobody)).toBe("DISK_WATERMARK");
    const batch = { kind: "enqueue-batch", queue: "q", messages: [enqueue.message] } as const;
    expect(await say(batch)).toBe("DISK_WATERMARK");
    const [first, second, third] = [await receive(), await receive(), await receive()];
    expect(await say({ kind: "settle", lease: first, settlement: { kind: "ack" } })).toBe(
      "settled",
    );
    const extend = { kind: "extend", leaseMs: 60_000 } as const;
    expect(await say({ kind: "settle", lease: second, settlement: extend })).toBe("settled");
    // A commit that enqueues is refused as a whole, one that only settles passes.
    const settles = [{ lease: second, settlement: { kind: "release" } as const }];
    const { queue, message } = enqueue;
    const commit = { kind: "commit", settles, conditions: [], enqueues: [] } as const;
    expect(await say({ ...commit, enqueues: [{ queue, message }] })).toBe("DISK_WATERMARK");
    expect(await say(commit)).toBe("committed");
    const nack = { kind: "nack", delayMs: 10, error: "" } as const;
    expect(await say({ kind: "settle", lease: third, settlement: nack })).toBe("settled");
    expect(await say({ kind: "open-session", name: "t", ttlMs: 60_000 }, nobody)).toBe(
      "session-opened",
    );
    // P6: the refusal has used up its number, and is the answer for ever.
    give(leader);
    await world.run(1_500);
    expect(await world.ask(enqueue, origin)).toEqual(answer);
    expect(await say(enqueue)).toBe("enqueued");
    const removal = { kind: "delete-queue", name: "q", revision: 0, ifEmpty: false } as const;
    leave(leader, min - 1);
    await world.run(1_500);
    expect(await say(removal, nobody)).toBe("done");
    expect(world.failures).toEqual([]);
  });

  test("P6: who asks again for what was done before the disk filled is told so, not refused", async () => {
    const { world, leave, say, next } = await filling();
    const origin = next();
    expect(await say(enqueue, origin)).toBe("enqueued");
    leave((await world.elected()).id, min - 1);
    await world.run(1_500);
    expect(await say(enqueue, origin)).toBe("enqueued");
    expect(world.leader?.running.machine.queueInfo("q")?.enqueued).toBe(1);
  });

  test("one full follower hinders nobody; a quorum without room does", async () => {
    const { world, leave, give, say } = await filling();
    const { id: leader } = await world.elected();
    const [a, b] = [1, 2, 3].filter((id) => id !== leader);
    leave(a!, min - 1);
    await world.run(3_000);
    expect(world.node(leader).conditionOf(a!)).toMatchObject({ diskLow: true });
    expect(await say(enqueue)).toBe("enqueued");
    leave(b!, min - 1);
    await world.run(3_000);
    expect(await say(enqueue)).toBe("DISK_WATERMARK");
    give(a!);
    await world.run(3_000);
    expect(await say(enqueue)).toBe("enqueued");
  });

  test("F2: the disk is full in earnest: the node ends, nothing acknowledged is lost, and it comes back with room", async () => {
    const { world, leave, give, say } = await filling(1);
    // Below one look: the watermark comes too late.
    leave(1, 20_000);
    let enqueued = 0;
    while (world.member(1).node !== undefined) {
      const asked = world.askNode(1, enqueue);
      await world.until(
        () => asked.answers.length > 0 || world.member(1).node === undefined,
        5_000,
      );
      const [answer] = asked.answers;
      if (answer !== undefined && !("kind" in answer) && answer.reply.kind === "enqueued")
        enqueued += 1;
    }
    expect(String(world.failures[0])).toContain("ENOSPC");
    world.bury(1);
    give(1);
    await world.start(1);
    await world.elected();
    const found = world.node(1).machine.queueInfo("q")?.enqueued ?? 0;
    expect(found).toBeGreaterThanOrEqual(enqueued);
    expect(found).toBeLessThanOrEqual(enqueued + 1);
    expect(enqueued).toBeGreaterThan(0);
    expect(await say(enqueue)).toBe("enqueued");
  });

  test("a snapshot waits for room on the follower, and comes when there is some", async () => {
    const { world, leave, give, say } = await filling();
    const { id: leader } = await world.elected();
    const late = (leader % 3) + 1;
    world.kill(late);
    for (let i = 0; i < 150; i += 1) expect(await say(enqueue)).toBe("enqueued");
    leave(late, 100_000);
    await world.start(late);
    await world.run(20_000);
    expect(world.snapshotChunks).toBeGreaterThan(0);
    expect(world.node(late).machine.queueInfo("q")?.enqueued ?? 0).toBeLessThan(150);
    expect(world.failures).toEqual([]);
    give(late);
    await world.converged(120_000);
    expect(world.node(late).machine.queueInfo("q")?.enqueued).toBe(150);
  });
});

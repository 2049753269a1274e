import { describe, expect, test } from "vitest";
import { CorruptIncarnations, openIncarnations } from "../../node/incarnations.ts";
import { randomFrom, settled } from "./fakes.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";

const never = (error: unknown): void => {
  throw error;
};

describe("R5, C7: which disk each member had when it was first met", () => {
  test("is known after a restart; the first one counts", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const first = await openIncarnations(disk, "data", never);
    first.remember(2, "disk-2");
    first.remember(3, "disk-3");
    first.remember(2, "disk-2b");
    await settled();
    const again = await openIncarnations(disk.crash(), "data", never);
    expect([again.known(2), again.known(3), again.known(4)]).toEqual([
      "disk-2",
      "disk-3",
      undefined,
    ]);
  });

  test("a crash while it is written down leaves the old list or the new one", async () => {
    for (let seed = 1; seed < 60; seed += 1) {
      const random = randomFrom(seed);
      const limit = { number: Infinity };
      const disk = new SimDisk({
        random,
        gate: ({ number }) =>
          number >= limit.number ? new Promise<void>(() => undefined) : undefined,
      });
      const first = await openIncarnations(disk, "data", () => undefined);
      first.remember(2, "disk-2");
      await settled();
      limit.number = disk.changes + 1 + Math.floor(random() * 6);
      first.remember(3, "disk-3");
      await settled();
      const again = await openIncarnations(disk.crash({ random }), "data", () => undefined);
      expect(again.known(2)).toBe("disk-2");
      expect([undefined, "disk-3"]).toContain(again.known(3));
    }
  });

  test("a disk that cannot keep it ends the node (F2)", async () => {
    const failures: unknown[] = [];
    const disk = new SimDisk({
      random: randomFrom(1),
      gate: ({ kind }) => {
        if (kind === "sync") throw new Error("EIO");
      },
    });
    const incarnations = await openIncarnations(disk, "data", (error) => failures.push(error));
    incarnations.remember(2, "disk-2");
    await settled();
    expect(failures).toHaveLength(1);
  });

  test("F7: any flipped bit and any truncation is found, and the message says what to do", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const first = await openIncarnations(disk, "data", never);
    first.remember(2, "disk-2");
    first.remember(30, "disk-30");
    await settled();
    const good = disk.content("data/members");
    for (let at = 0; at < good.length; at += 1) {
      for (const damaged of [flipped(good, at), good.subarray(0, at)]) {
        disk.damage("data/members", () => damaged);
        await expect(openIncarnations(disk, "data", never)).rejects.toThrow(CorruptIncarnations);
      }
    }
    await expect(openIncarnations(disk, "data", never)).rejects.toThrow(/replace this node/);
  });

  test("I2: what strangers make it remember is bounded", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const incarnations = await openIncarnations(disk, "data", never);
    for (let id = 1; id <= 1_000; id += 1) incarnations.remember(id, "x".repeat(64));
    await settled();
    expect(disk.content("data/members").length).toBeLessThan(64 * 1024);
    expect(incarnations.known(1)).toBeUndefined();
    expect(incarnations.known(1_000)).toBeDefined();
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at);
  return copy;
}

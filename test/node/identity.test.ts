import { describe, expect, test } from "vitest";

import { IdentityError, openIdentity } from "../../node/identity.ts";

import { seeded } from "./log/random.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";

const directory = "data";
const configured = { clusterId: "orders", nodeId: 2 };
const source = { uuid: () => "11111111-2222-4333-8444-555555555555", now: () => new Date(0) };

function newDisk(): SimDisk {
  return new SimDisk({ random: seeded(1) });
}

describe("a data directory belongs to one node of one cluster (R5, C7)", () => {
  test("a new directory gets an identity, and keeps it", async () => {
    const disk = newDisk();
    const first = await openIdentity(disk, directory, configured, source);
    expect(first).toEqual({
      created: true,
      identity: {
        clusterId: "orders",
        nodeId: 2,
        incarnation: source.uuid(),
        created: "1970-01-01T00:00:00.000Z",
      },
    });
    const again = await openIdentity(disk, directory, configured);
    expect(again).toEqual({ ...first, created: false });
  });

  test("a wiped directory gets another incarnation", async () => {
    const first = await openIdentity(newDisk(), directory, configured);
    const second = await openIdentity(newDisk(), directory, configured);
    expect(second.identity.incarnation).not.toBe(first.identity.incarnation);
  });

  test("another node id or cluster id is refused, with what to do", async () => {
    const disk = newDisk();
    await openIdentity(disk, directory, configured, source);
    const node = openIdentity(disk, directory, { ...configured, nodeId: 3 });
    await expect(node).rejects.toThrow(IdentityError);
    await expect(node).rejects.toThrow(/belongs to node 2, .* says node 3\. Correct the node id/);
    const cluster = openIdentity(disk, directory, { ...configured, clusterId: "stock" });
    await expect(cluster).rejects.toThrow(/belongs to the cluster "orders", .* "stock"/);
  });

  test("any flipped bit and any truncation is found", async () => {
    const disk = newDisk();
    await openIdentity(disk, directory, configured, source);
    const good = disk.content("data/identity");
    for (let at = 0; at < good.length; at++) {
      disk.damage("data/identity", () => {
        const bytes = Buffer.from(good);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
        return bytes;
      });
      const opened = await openIdentity(disk, directory, configured).catch(
        (error: unknown) => error,
      );
      // White space may become other white space; everything else is refused.
      if (opened instanceof Error) expect(opened).toBeInstanceOf(IdentityError);
      else expect(opened).toMatchObject({ identity: { incarnation: source.uuid() } });
      // The last byte is a line break.
      disk.damage("data/identity", () => good.subarray(0, Math.min(at, good.length - 2)));
      await expect(openIdentity(disk, directory, configured)).rejects.toThrow(IdentityError);
    }
  });

  test("an identity that is missing beside a log is not made anew", async () => {
    const disk = newDisk();
    const log = await disk.open("data/log/base", "create");
    await log.close();
    await expect(openIdentity(disk, directory, configured)).rejects.toThrow("missing beside a log");
  });

  test("after a crash at any change it is absent or whole (E5)", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seeded(seed);
      let crash: () => void = () => undefined;
      const crashed = new Promise<void>((resolve) => (crash = resolve));
      const crashAt = 1 + (seed % 5);
      const disk = new SimDisk({
        random,
        gate: async ({ number }) => {
          if (number !== crashAt) return;
          crash();
          await new Promise(() => undefined);
        },
      });
      const first = openIdentity(disk, directory, configured, source);
      const done = await Promise.race([first, crashed]);
      const after = await openIdentity(disk.crash({ random }), directory, configured);
      if (done !== undefined) expect(after.identity).toEqual(done.identity);
    }
  });
});

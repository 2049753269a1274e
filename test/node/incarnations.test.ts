import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  checkIntroduction,
  introduce,
  type Incarnations,
  type Speaker,
} from "../../node/grpc/handshake.ts";
import { openIncarnations } from "../../node/incarnations.ts";
import { randomFrom, settled } from "./fakes.ts";
import { SimDisk } from "./log/sim-disk.ts";

const me: Speaker = { clusterId: "c", nodeId: 1, incarnation: "disk-1" };
const peer: Speaker = { clusterId: "c", nodeId: 2, incarnation: "disk-2" };
const members = new Set([1, 2, 3]);

function forgetful(): Incarnations {
  return { known: () => undefined, remember: () => undefined };
}

function check(metadata: Metadata, incarnations = forgetful()) {
  return checkIntroduction(metadata, me, members, incarnations);
}

describe("who may speak", () => {
  test("a member of this cluster", () => {
    expect(check(introduce(peer, 1))).toEqual({ peer: 2 });
  });

  const refused: readonly (readonly [string, Speaker, number, RegExp])[] = [
    ["another cluster", { ...peer, clusterId: "d" }, 1, /--cluster-id/],
    ["no member", { ...peer, nodeId: 9 }, 1, /not a member/],
    ["a call for somebody else", peer, 3, /reached node 1/],
    ["without a disk", { ...peer, incarnation: "" }, 1, /which disk/],
    ["with a disk that cannot be remembered", { ...peer, incarnation: "a b" }, 1, /which disk/],
  ];
  test.each(refused)("refused: %s", (_what, speaker, to, words) => {
    const checked = check(introduce(speaker, to));
    expect("refusal" in checked ? checked.refusal : "").toMatch(words);
  });

  test("refused: another protocol, another group, nothing at all", () => {
    for (const name of ["raftq-protocol", "raftq-group"]) {
      const metadata = introduce(peer, 1);
      metadata.set(name, "99");
      expect(check(metadata)).toHaveProperty("refusal");
    }
    expect(check(new Metadata())).toHaveProperty("refusal");
  });

  test("a refusal can travel as a header", () => {
    const checked = check(introduce({ ...peer, clusterId: "x".repeat(300) }, 1));
    expect("refusal" in checked ? () => encodeURI(checked.refusal) : undefined).not.toThrow();
  });
});

describe("R5, C7: a node that lost its disk does not come back under its old number", () => {
  test("refused by whoever has spoken to it, also after a restart of that one", async () => {
    const disk = new SimDisk({ random: randomFrom(1) });
    const failures: unknown[] = [];
    const first = await openIncarnations(disk, "data", (error) => failures.push(error));
    expect(check(introduce(peer, 1), first)).toEqual({ peer: 2 });
    expect(check(introduce({ ...peer, nodeId: 3, incarnation: "disk-3" }, 1), first)).toEqual({
      peer: 3,
    });
    await settled();
    const again = await openIncarnations(disk.crash(), "data", (error) => failures.push(error));
    expect(check(introduce(peer, 1), again)).toEqual({ peer: 2 });
    const wiped = check(introduce({ ...peer, incarnation: "disk-2b" }, 1), again);
    expect("refusal" in wiped ? wiped.refusal : "").toMatch(/lost its data/);
    expect(again.known(3)).toBe("disk-3");
    expect(failures).toEqual([]);
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
});

// How a node begins: with the members of a new cluster, as one that joins, or with what its directory says.

import { expect, test } from "vitest";
import { ConfigError } from "../../node/config.ts";
import type { ServerConfig } from "../../node/server-options.ts";
import { IdentityError } from "../../node/identity.ts";
import type { Node } from "../../node/node.ts";
import { openNode } from "../../node/open-node.ts";
import { configOf, randomFrom, silent, VirtualTime } from "./fakes.ts";
import { SimStores } from "../../testing/disk/sim-stores.ts";
import { SimDisk } from "../../testing/disk/sim-disk.ts";

async function opened(
  config: ServerConfig,
  disk: SimDisk,
  look: (node: Node) => void = () => undefined,
): Promise<void> {
  const time = new VirtualTime();
  const node = await openNode(config, {
    disk,
    stores: new SimStores(),
    clock: time.clock(),
    random: randomFrom(1),
    logger: silent,
    fatal: (error) => {
      throw error;
    },
    connect: () => ({ send: () => undefined, close: () => Promise.resolve() }),
  });
  await time.advance(2_000);
  look(node);
  const stopping = node.stop();
  await time.advance(1_000);
  await stopping;
}

function newDisk(): SimDisk {
  return new SimDisk({ random: randomFrom(1) });
}

test("the first start of a cluster needs its members: who wrote neither them nor --join meant one of both", async () => {
  const disk = newDisk();
  await expect(opened(configOf(1, 1, { members: [] }), disk)).rejects.toThrow(ConfigError);
  await expect(opened(configOf(1, 1, { members: [] }), disk)).rejects.toThrow(/--join/);
  // And nothing was made that the right start would stumble over.
  await opened(configOf(1, 1), disk, (node) => expect(node.ready).toBe(true));
});

test("a later start needs none: the log knows", async () => {
  const disk = newDisk();
  await opened(configOf(1, 1), disk);
  await opened(configOf(1, 1, { members: [] }), disk, (node) => {
    expect(node.members.membership.voters).toEqual([1]);
    expect(node.whereabouts.leader?.endpoint).toBe("client-1:7400");
  });
});

test("a node that joins has no members, and waits: it elects nobody, not even itself, whatever --member says", async () => {
  const disk = newDisk();
  const config = configOf(1, 1, { join: true });
  await opened(config, disk, (node) => {
    expect(node.members.membership).toMatchObject({ voters: [], learners: [] });
    expect(node.raftStatus()).toMatchObject({ role: "follower", term: 0 });
  });
  // Not after a restart without --join either: what it was at first is in its log.
  await opened(configOf(1, 1), disk, (node) => expect(node.raftStatus().term).toBe(0));
});

test("--join has no effect on a directory that is in use", async () => {
  const disk = newDisk();
  await opened(configOf(1, 1), disk);
  await opened(configOf(1, 1, { join: true }), disk, (node) => expect(node.ready).toBe(true));
});

test("R5: the leader writes down its own disk, and its address of --member when that changes", async () => {
  const disk = newDisk();
  await opened(configOf(1, 1), disk, (node) =>
    expect(node.members.incarnationOf(1)).toBe(node.members.self.incarnation),
  );
  const moved = [{ id: 1, peer: "new:1", client: "new:2" }];
  await opened(configOf(1, 1, { members: moved }), disk);
  await opened(configOf(1, 1, { members: [] }), disk, (node) =>
    expect(node.members.address(1)).toMatchObject({ peer: "new:1", client: "new:2" }),
  );
});

test("C7: a directory without its identity is not a new one", async () => {
  const disk = newDisk();
  await opened(configOf(1, 1), disk);
  await disk.remove("data/identity");
  await expect(opened(configOf(1, 1, { join: true }), disk)).rejects.toThrow(IdentityError);
});

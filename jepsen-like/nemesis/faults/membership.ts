// Members come and go under load, and leadership is handed round.
//   X1. The cluster has as many members afterwards as before.
//   X2. It counts when the members that the leader names have changed, or the leader has.

import { setTimeout as sleep } from "node:timers/promises";
import { leaderOf, named, NotNow, reign, running, seconds } from "../effect.ts";
import type { Fault, Ongoing, Scene } from "../fault.ts";
import { expendable, insist, replaceNode } from "../replacing.ts";

async function voters({ cluster }: Scene): Promise<string | undefined> {
  const leader = await cluster.leader(10_000);
  const view = leader === undefined ? undefined : await cluster.observe(leader);
  if (view === undefined) return undefined;
  const ids = view.members.filter(({ isVoter }) => isVoter).map(({ nodeId }) => nodeId);
  return ids.sort((a, b) => a - b).join(" ");
}

/** Work that is begun now and awaited by `end`; it counts when the voters are others afterwards. */
async function changing(
  scene: Scene,
  what: string,
  targets: readonly number[],
  work: () => Promise<string>,
): Promise<Ongoing> {
  const before = await voters(scene);
  const done = work();
  done.catch(() => undefined);
  return {
    what,
    targets,
    ms: 0,
    end: async () => {
      const how = await done;
      const after = await voters(scene);
      if (before === undefined || after === undefined) return undefined;
      return before === after && how === "" ? undefined : `voters ${before} → ${after}${how}`;
    },
  };
}

const transfers: Fault = {
  name: "transfer",
  what: "leadership is handed round, again and again",
  kind: "membership",
  weight: 2,
  begin: async (scene): Promise<Ongoing> => {
    const { cluster, random, electionMs } = scene;
    await leaderOf(scene);
    const chance = random.fork("transfer");
    const ms = random.between(3 * electionMs, 10 * electionMs);
    const before = await reign(scene);
    let isOver = false;
    let asked = 0;
    const loop = (async () => {
      while (!isOver) {
        asked += 1;
        const up = running(scene);
        // Refused, or too late: another fault may hold its target.
        if (up.length > 0) await cluster.transferLeadership(chance.pick(up)).catch(() => undefined);
        await sleep(chance.between(50, electionMs));
      }
    })();
    return {
      what: `hands leadership round for ${seconds(ms)}`,
      targets: cluster.nodeIds,
      ms,
      end: async () => {
        isOver = true;
        await loop;
        const now = await reign(scene);
        if (now === undefined || before === undefined || now.term === before.term) return undefined;
        return `asked ${asked} times; term ${before.term} → ${now.term}, leader ${now.leaderId}`;
      },
    };
  },
};

const growAndShrink: Fault = {
  name: "add-remove",
  what: "a new member, and then one of all members less, which may be the leader",
  kind: "membership",
  combines: false,
  begin: async (scene) => {
    const { cluster, random } = scene;
    await leaderOf(scene);
    if (running(scene).length < cluster.nodeIds.length) throw new NotNow("a node is down");
    const leaves = random.chance(0.4) ? "leader" : random.pick(["new", "old"] as const);
    return await changing(
      scene,
      `adds a node and removes ${{ leader: "the leader", new: "it again", old: "an old one" }[leaves]}`,
      cluster.nodeIds,
      async () => {
        const fresh = await insist("no node could be added", () => cluster.add());
        const old = cluster.nodeIds.filter((id) => id !== fresh);
        const victim =
          leaves === "new"
            ? fresh
            : leaves === "old"
              ? random.pick(old)
              : ((await cluster.leader(10_000)) ?? random.pick(old));
        await insist(`node ${victim} could not be removed`, () => cluster.remove(victim));
        return ` by way of node ${fresh}, without node ${victim}`;
      },
    );
  },
};

const replacement: Fault = {
  name: "replace",
  what: "a node is killed for good, and another one takes its place",
  kind: "membership",
  combines: false,
  begin: async (scene) => {
    const id = await expendable(scene, scene.random.shuffled(scene.cluster.nodeIds));
    return await changing(
      scene,
      `kills ${named([id])} for good and replaces it`,
      [id],
      async () => {
        await replaceNode(scene, id);
        return "";
      },
    );
  },
};

export const membershipFaults: readonly Fault[] = [transfers, growAndShrink, replacement];

// Processes that are killed, told to stop, or stand still.
//   X1. Every process that is ended here is started again by `end`; one that does not come back fails the run.
//   X2. A kill counts when the pid is gone and another one answers; a pause when the kernel says "stopped" (state T).

import { startAll } from "../../cluster/start-all.ts";
import type { Random } from "../random.ts";
import type { Fault, Ongoing, Scene } from "../fault.ts";
import {
  Broken,
  isGone,
  leaderOf,
  majorityOf,
  named,
  NotNow,
  processState,
  reign,
  running,
  seconds,
  until,
} from "../effect.ts";

type Whom = "one" | "leader" | "minority" | "majority" | "all";

interface Victim {
  readonly id: number;
  readonly pid: number;
}

/** Who it hits; a minority may have the leader in it. */
async function chosen(scene: Scene, whom: Whom): Promise<Victim[]> {
  const { cluster, random } = scene;
  const up = running(scene);
  const some = (count: number): readonly number[] => random.shuffled(up).slice(0, count);
  const all = cluster.nodeIds.length;
  const ids = {
    one: () => some(1),
    leader: async () => [await leaderOf(scene)],
    minority: () => some(Math.max(1, all - majorityOf(all))),
    majority: () => some(majorityOf(all)),
    all: () => up,
  }[whom];
  const victims = (await ids()).flatMap((id) => {
    const pid = cluster.pid(id);
    return pid === undefined ? [] : [{ id, pid }];
  });
  if (victims.length === 0) throw new NotNow("no node is up");
  return victims;
}

const idsOf = (victims: readonly Victim[]): number[] => victims.map(({ id }) => id);

/** X1. */
async function bringBack({ cluster }: Scene, ids: readonly number[]): Promise<void> {
  const missing = await startAll(cluster, ids);
  if (missing.length > 0) throw new Broken(`${named(missing)} did not come back after its end`);
}

/** X2: the old pids are gone, others are there. */
function replaced({ cluster }: Scene, victims: readonly Victim[]): string | undefined {
  const isNew = ({ id, pid }: Victim): boolean => isGone(pid) && cluster.pid(id) !== undefined;
  if (!victims.every(isNew)) return undefined;
  return victims.map(({ id, pid }) => `pid ${pid} gone, now ${cluster.pid(id) ?? 0}`).join("; ");
}

async function termNow(scene: Scene): Promise<string> {
  const now = await reign(scene);
  return now === undefined ? "" : `; term ${now.term}`;
}

function killing(name: string, whom: Whom, what: string, weight = 1): Fault {
  return {
    name,
    what,
    kind: "process",
    weight,
    begin: async (scene): Promise<Ongoing> => {
      const { cluster, random, electionMs } = scene;
      const victims = await chosen(scene, whom);
      // From "at once" to longer than an election: a node that is back before it was missed, and one that was replaced.
      const ms = random.between(0, 5 * electionMs);
      await Promise.all(victims.map(({ id }) => cluster.kill(id)));
      return {
        what: `kills ${named(idsOf(victims))}${whom === "leader" ? ", the leader" : ""}, back after ${seconds(ms)}`,
        targets: idsOf(victims),
        ms,
        end: async () => {
          await bringBack(scene, idsOf(victims));
          const seen = replaced(scene, victims);
          return seen === undefined ? undefined : seen + (await termNow(scene));
        },
      };
    },
  };
}

function pausing(name: string, whom: Whom, what: string, weight = 1): Fault {
  return {
    name,
    what,
    kind: "process",
    weight,
    begin: async (scene): Promise<Ongoing> => {
      const { cluster, random, electionMs } = scene;
      const victims = await chosen(scene, whom);
      // An election takes between one and two of them: shorter, about as long, longer.
      const ms = random.between(electionMs, 6 * electionMs);
      for (const { id } of victims) cluster.pause(id);
      const stopped = await until(500, () =>
        victims.every(({ pid }) => processState(pid) === "T") ? true : undefined,
      );
      return {
        what: `stops ${named(idsOf(victims))}${whom === "leader" ? ", the leader" : ""}, for ${seconds(ms)}`,
        targets: idsOf(victims),
        ms,
        end: async () => {
          for (const { id } of victims) cluster.resume(id);
          const awake = await until(2_000, () =>
            victims.every(({ pid }) => processState(pid) !== "T") ? true : undefined,
          );
          if (awake !== true) throw new Broken(`${named(idsOf(victims))} did not wake`);
          return stopped === true
            ? `state T of ${named(idsOf(victims))}${await termNow(scene)}`
            : undefined;
        },
      };
    },
  };
}

/** SIGTERM to all that were chosen, at once. */
function restarting(name: string, whom: Whom, what: string): Fault {
  return {
    name,
    what,
    kind: "process",
    begin: async (scene): Promise<Ongoing> => {
      const { cluster, random, electionMs } = scene;
      const victims = await chosen(scene, whom);
      const ms = random.between(0, 2 * electionMs);
      await Promise.all(victims.map(({ id }) => cluster.stop(id)));
      return {
        what: `tells ${named(idsOf(victims))} to stop, back after ${seconds(ms)}`,
        targets: idsOf(victims),
        ms,
        end: async () => {
          await bringBack(scene, idsOf(victims));
          return replaced(scene, victims);
        },
      };
    },
  };
}

/** One after the other, each when the one before answers again: as one upgrades. */
const rolling: Fault = {
  name: "rolling-restart",
  what: "each node in turn is told to stop and started again",
  kind: "process",
  combines: false,
  begin: async (scene): Promise<Ongoing> => {
    const { cluster, random, electionMs } = scene;
    const victims = await chosen(scene, "all");
    const order = random.shuffled(victims);
    const work = (async () => {
      for (const { id } of order) {
        await cluster.stop(id);
        await bringBack(scene, [id]);
        await cluster.leader(8 * electionMs);
      }
    })();
    // Awaited by `end`; until then a failure of it is no surprise to the process.
    work.catch(() => undefined);
    return {
      what: `restarts ${named(idsOf(order))}, one after the other`,
      targets: idsOf(order),
      ms: electionMs,
      end: async () => {
        await work;
        return replaced(scene, victims);
      },
    };
  },
};

/** The leader, and whoever follows it, as soon as it leads: no reign is long. */
const hunting: Fault = {
  name: "hunt-leaders",
  what: "each new leader is killed as soon as it leads, three times",
  kind: "process",
  combines: false,
  begin: (scene): Promise<Ongoing> => {
    const { cluster, random } = scene;
    const killed: Victim[] = [];
    const hunt = async (chance: Random): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        const [victim] = await chosen(scene, "leader");
        if (victim === undefined) return;
        await cluster.kill(victim.id);
        killed.push(victim);
        if (chance.chance(0.5)) await bringBack(scene, [victim.id]);
        const down = cluster.nodeIds.filter((id) => !cluster.isRunning(id));
        // Without a majority there is no leader to hunt.
        if (down.length > cluster.nodeIds.length - majorityOf(cluster.nodeIds.length))
          await bringBack(scene, down);
      }
    };
    const work = hunt(random.fork("hunt"));
    work.catch(() => undefined);
    return Promise.resolve({
      what: "kills three leaders, one after the other",
      targets: cluster.nodeIds,
      ms: 0,
      end: async () => {
        const failure = await work.catch((error: unknown) => error);
        await bringBack(
          scene,
          cluster.nodeIds.filter((id) => !cluster.isRunning(id)),
        );
        if (failure instanceof Error && !(failure instanceof NotNow)) throw failure;
        const gone = killed.filter(({ pid }) => isGone(pid));
        return gone.length === 0
          ? undefined
          : `${gone.length} leaders killed: nodes ${idsOf(gone).join(", ")}${await termNow(scene)}`;
      },
    });
  },
};

export const processFaults: readonly Fault[] = [
  killing("kill", "one", "kill -9 of one node"),
  killing("kill-leader", "leader", "kill -9 of the leader", 2),
  killing("kill-minority", "minority", "kill -9 of as many as may fail"),
  killing("kill-majority", "majority", "kill -9 of a majority"),
  killing("kill-all", "all", "kill -9 of all nodes at once"),
  hunting,
  pausing("pause", "one", "SIGSTOP of one node, SIGCONT after 1 to 3 election times"),
  pausing("pause-leader", "leader", "SIGSTOP of the leader, and SIGCONT", 2),
  pausing("pause-minority", "minority", "SIGSTOP of as many as may fail"),
  pausing("pause-majority", "majority", "SIGSTOP of a majority"),
  pausing("pause-all", "all", "SIGSTOP of all nodes"),
  restarting("restart", "one", "SIGTERM of one node, and a new start"),
  restarting("restart-leader", "leader", "SIGTERM of the leader, and a new start"),
  restarting("restart-all", "all", "SIGTERM of all nodes at once, and a new start"),
  rolling,
];

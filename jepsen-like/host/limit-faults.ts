// A node that may open no more files, or hardly gets processor time, or has no memory left.

import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Launcher } from "../cluster/contract.ts";
import type { Fault } from "../nemesis/fault.ts";
import { Group, whyNoGroup } from "./cgroup.ts";
import { wrap } from "./launchers.ts";
import { limitCpu, limitFiles, whyNoFileLimit, type FileLimit } from "./limits.ts";
import { chooseOne, deathsSince, howItEnded, logSince, pidOf, start } from "./targets.ts";

const files: Fault = {
  name: "fd-limit",
  what: "one node can open no more files or connections",
  kind: "limits",
  probe: whyNoFileLimit,
  begin: async (scene) => {
    const { cluster } = scene;
    const id = await chooseOne(scene, scene.random.chance(0.5) ? "leader" : "one");
    const pid = pidOf(cluster, id);
    const death = deathsSince(cluster, id);
    const lines = await logSince(cluster.logFile(id));
    const limited = await limitFiles(pid);
    const knocks = knock(cluster, id, limited);
    return {
      what: `node ${id} can have ${limited.limit} files open, as many as it had`,
      targets: [id],
      ms: scene.random.between(4, 8) * scene.electionMs,
      end: async () => {
        const refused = await knocks.end();
        const told = (await lines()).some((line) => line.includes("EMFILE"));
        await limited.restore();
        const ended = death();
        await start(cluster, [id]);
        if (ended !== undefined)
          return `node ${id} ended by itself ${howItEnded(ended)}, and came back`;
        if (told) return `node ${id} said EMFILE, and went on`;
        return refused > 0
          ? `node ${id} refused ${refused} new connections, and takes them again`
          : undefined;
      },
    };
  },
};

const knockMs = 300;

/** How long to wait for the first refusal, beyond the time that the fault was meant to last. */
const refusalMsMax = 10_000;

/** Asks a node again and again, each time over a new connection. */
function knock(cluster: Cluster, id: number, limited: FileLimit): { end(): Promise<number> } {
  let refused = 0;
  let until = Infinity;
  const done = (async () => {
    while (Date.now() < until) {
      await limited.tighten();
      if ((await cluster.observe(id)) === undefined) refused++;
      if (until < Infinity && (refused > 0 || !cluster.isRunning(id))) break;
      await sleep(knockMs);
    }
  })();
  return {
    end: async () => {
      until = refused > 0 ? 0 : Date.now() + refusalMsMax;
      await done;
      return refused;
    },
  };
}

function cpu(which: "one" | "leader"): Fault {
  return {
    name: which === "one" ? "cpu-limit" : "cpu-limit-leader",
    what: `${which === "one" ? "one node" : "the leader"} gets 2 to 15 % of a processor`,
    kind: "limits",
    begin: async (scene) => {
      const id = await chooseOne(scene, which);
      const percent = scene.random.between(2, 15);
      const slowed = await limitCpu(pidOf(scene.cluster, id), percent);
      return {
        what: `node ${id} gets ${percent} % of a processor`,
        targets: [id],
        ms: scene.random.between(2, 10) * scene.electionMs,
        end: async () => {
          const seen = await slowed.seen();
          await slowed.end();
          return seen === undefined ? undefined : `node ${id} was ${seen}`;
        },
      };
    },
  };
}

const startBytes = 1024 * 1024 * 1024;
/** How much less it may have with each step, until the kernel refuses or kills. */
const stepBytes = 1024 * 1024;
const pageBytes = 4_096;
const squeezeMsMax = 10_000;
const askMsMax = 100;

const memory: Fault = {
  name: "memory-limit",
  what: "one node gets less and less memory until the kernel kills it",
  kind: "limits",
  combines: false,
  probe: () => whyNoGroup("memory"),
  begin: async (scene) => {
    const { cluster } = scene;
    const id = await chooseOne(scene, "one");
    const group = await Group.make("memory", `memory-${id}`);
    await group.limitMemory(startBytes);
    // Memory counts for the group that a process is in when it first uses it: it has to start there.
    wrap(cluster, "memory", startedIn(id, group));
    await cluster.stop(id);
    await start(cluster, [id]);
    wrap(cluster, "memory", undefined);
    const death = deathsSince(cluster, id);
    return {
      what: `node ${id} is short of memory`,
      targets: [id],
      ms: 1_000,
      end: async () => {
        const used = group.memoryUsed();
        await squeeze(
          group,
          () => cluster.observe(id),
          () => death() !== undefined,
        );
        const kills = group.outOfMemory();
        const ended = death();
        await group.limitMemory(startBytes);
        await start(cluster, [id]);
        await group.remove();
        return ended === undefined || kills === 0
          ? undefined
          : `the kernel killed node ${id}, which had used ${used >> 20} MiB; it came back`;
      },
    };
  },
};

function startedIn(target: number, group: Group): Launcher {
  const script = 'echo $$ > "$0" && exec "$@"';
  return (id, command) =>
    id === target
      ? {
          ...command,
          file: "sh",
          args: ["-c", script, group.members, command.file, ...command.args],
        }
      : command;
}

/**
 * Version 1 refuses a limit below what is in use and cannot be freed: then the steps get smaller, until the next allocation is
 * too much. To be asked something makes a node allocate.
 */
async function squeeze(
  group: Group,
  ask: () => Promise<unknown>,
  isDead: () => boolean,
): Promise<void> {
  const deadline = Date.now() + squeezeMsMax;
  let step = stepBytes;
  while (!isDead() && Date.now() < deadline) {
    const wasTaken = await group.limitMemory(Math.max(stepBytes, group.memoryUsed() - step));
    step = wasTaken ? stepBytes : Math.max(pageBytes, step / 2);
    const asked = step < stepBytes ? ask() : Promise.resolve();
    await Promise.race([asked, sleep(askMsMax)]);
    await sleep(10);
  }
}

export const limitFaults: readonly Fault[] = [files, cpu("one"), cpu("leader"), memory];

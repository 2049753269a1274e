// Disks that lose power, die or fill up. The nodes concerned are on disks of their own meanwhile (disks.ts).

import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Ongoing, Scene } from "../nemesis/fault.ts";
import { Canary } from "./canary.ts";
import { must } from "./command.ts";
import { Disks, whyNoDisks } from "./disks.ts";
import { wrap } from "./launchers.ts";
import type { LoopDisk } from "./loop-disk.ts";
import {
  choose,
  chooseOne,
  deathsSince,
  gaveUp,
  logSince,
  names,
  start,
  until,
  type Which,
} from "./targets.ts";

let why: Promise<string | undefined> | undefined;
/** Asked once for all of them. */
const probe = (): Promise<string | undefined> => (why ??= whyNoDisks(tmpdir()));

const giveUpMsMax = 10_000;
const leaderMsMax = 10_000;

const whose: Readonly<Record<Which, string>> = {
  one: "one node",
  leader: "the leader",
  majority: "a majority, at once,",
  all: "all nodes, at once,",
};

function powerLoss(which: Which): Fault {
  return {
    name: `power-loss-${which}`,
    what: `${whose[which]} lose power: what their disks had not synced is gone`,
    kind: "disk",
    combines: false,
    probe,
    begin: async (scene) => {
      const ids = await choose(scene, which);
      const disks = Disks.of(scene.cluster, scene.directory);
      for (const id of ids) await disks.ensure(id);
      // What was there when a node moved is synced: there must be something that these disks alone were told.
      await scene.cluster.leader(leaderMsMax);
      await sleep(scene.random.between(500, 4 * scene.electionMs));
      return await losePower(scene, ids, scene.random.between(200, 6 * scene.electionMs));
    },
  };
}

async function losePower(scene: Scene, ids: readonly number[], ms: number): Promise<Ongoing> {
  const disks = Disks.of(scene.cluster, scene.directory);
  for (const id of ids) await disks.ensure(id);
  // When all have moved, which takes a while: the kernel does not keep for ever what it was not told to sync.
  const canaries: Canary[] = [];
  for (const id of ids) canaries.push(await Canary.put(await disks.ensure(id)));
  await Promise.all(ids.map((id) => scene.cluster.kill(id)));
  await disks.losePower(ids);
  // As at a boot. Who reads a node's files meanwhile finds them, and no dead disk.
  for (const id of ids) await (await disks.ensure(id)).repair();
  const lost = await Promise.all(canaries.map((canary) => canary.lost()));
  return {
    what: `${names(ids)} lose power for ${ms} ms`,
    targets: ids,
    ms,
    end: async () => {
      for (const id of ids) await disks.giveBack(id);
      await start(scene.cluster, ids);
      return lost.every(Boolean)
        ? `on ${ids.length} disks what had not been synced was gone, what had been was there; ${names(ids)} came back`
        : undefined;
    },
  };
}

/** The order of events in which a queue elsewhere lost what it had acknowledged: who was away comes back while who knew is gone. */
const powerLossWhilePaused: Fault = {
  name: "power-loss-paused",
  what: "a minority hangs while the leader loses power; then the minority wakes, and as many others hang",
  kind: "disk",
  combines: false,
  probe,
  begin: async (scene) => {
    const { cluster } = scene;
    const leader = await chooseOne(scene, "leader");
    const others = scene.random.shuffled(cluster.nodeIds).filter((id) => id !== leader);
    const hung = others
      .filter((id) => cluster.isRunning(id))
      .slice(0, Math.floor(others.length / 2));
    await Disks.of(cluster, scene.directory).ensure(leader);
    for (const id of hung) cluster.pause(id);
    await sleep(scene.random.between(100, scene.electionMs));
    const ongoing = await losePower(scene, [leader], 4 * scene.electionMs);
    for (const id of hung) cluster.resume(id);
    const next = others.filter((id) => !hung.includes(id) && cluster.isRunning(id));
    for (const id of next.slice(0, hung.length)) cluster.pause(id);
    return {
      ...ongoing,
      what: `${names(hung)} hang, ${ongoing.what}, then others hang`,
      targets: [leader, ...others],
      end: async () => {
        for (const id of next) cluster.resume(id);
        return await ongoing.end();
      },
    };
  },
};

function diskDeath(which: "one" | "leader"): Fault {
  return {
    name: which === "one" ? "disk-death" : "disk-death-leader",
    what: `the disk of ${which === "one" ? "one node" : "the leader"} fails for good under the running process: it must give up`,
    kind: "disk",
    combines: false,
    probe,
    begin: async (scene) => {
      const id = await chooseOne(scene, which);
      const disks = Disks.of(scene.cluster, scene.directory);
      const disk = await disks.ensure(id);
      const death = deathsSince(scene.cluster, id);
      await disk.losePower();
      return {
        what: `the disk of node ${id} is dead`,
        targets: [id],
        ms: scene.random.between(2, 6) * scene.electionMs,
        end: async () => {
          const found = await until(giveUpMsMax, death);
          if (found === undefined) await scene.cluster.kill(id);
          await disk.repair();
          await disks.giveBack(id);
          await start(scene.cluster, [id]);
          return found === undefined
            ? undefined
            : `${gaveUp(found)}, and came back on the mended disk`;
        },
      };
    },
  };
}

const pieceBytes = 256 * 1024;
const watermarkBytes = 256 * 1024 * 1024;

function diskFull(how: "low" | "full"): Fault {
  return {
    name: `disk-${how}`,
    what:
      how === "low"
        ? "the disk of one node falls below the watermark: enqueues are refused when it leads, the rest goes on"
        : "the disk of one node is full to the last block: it goes on or gives up, and comes back when there is room",
    kind: "disk",
    combines: false,
    probe,
    begin: async (scene) => {
      const id = await chooseOne(scene, scene.random.chance(0.5) ? "leader" : "one");
      const { cluster } = scene;
      const disk = await onSmallDisk(scene, id);
      const death = deathsSince(cluster, id);
      const lines = await logSince(cluster.logFile(id));
      const filler = join(disk.mountPoint, "filler");
      const leave = how === "low" ? watermarkBytes / 2 : 0;
      await fill(disk, filler, leave);
      return {
        what: `${how === "low" ? leave >> 20 : 0} MiB are left on the disk of node ${id}`,
        targets: [id],
        ms: scene.random.between(2_500, 5_000),
        end: async () => {
          const left = await disk.freeBytes();
          await rm(filler, { force: true });
          const ended = death();
          await Disks.of(cluster, scene.directory).giveBack(id);
          await start(cluster, [id]);
          const told = (await lines()).some((line) => line.includes("below the watermark"));
          if (ended !== undefined) return `${gaveUp(ended)}, and came back when there was room`;
          return told ? `node ${id} said that its disk is low, with ${left} bytes free` : undefined;
        },
      };
    },
  };
}

/** Until so much is left. The node writes at the same time: what is left at the end is taken in small pieces. */
async function fill(disk: LoopDisk, file: string, leave: number): Promise<void> {
  const coarse = (await disk.freeBytes()) - leave - pieceBytes * 16;
  if (coarse > 0) await must("fallocate", "-l", String(coarse), file);
  const handle = await open(file, "a");
  try {
    const piece = Buffer.alloc(pieceBytes, 1);
    while ((await disk.freeBytes()) > leave) await handle.appendFile(piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    await handle.close();
  }
}

/** A disk on which the watermark leaves room for a run, whatever the cluster's own flags are. */
async function onSmallDisk(scene: Scene, id: number): Promise<LoopDisk> {
  const { cluster } = scene;
  const disks = Disks.of(cluster, scene.directory);
  if (disks.watermarked.has(id)) return await disks.ensure(id);
  const disk = await disks.ensure(id);
  disks.watermarked.add(id);
  wrap(cluster, "watermark", (node, command) =>
    disks.watermarked.has(node)
      ? { ...command, args: [...command.args, "--disk-free-min-bytes", String(watermarkBytes)] }
      : command,
  );
  await cluster.stop(id);
  await start(cluster, [id]);
  return disk;
}

export const diskFaults: readonly Fault[] = [
  powerLoss("one"),
  powerLoss("leader"),
  powerLoss("majority"),
  powerLoss("all"),
  powerLossWhilePaused,
  diskDeath("one"),
  diskDeath("leader"),
  diskFull("low"),
  diskFull("full"),
];

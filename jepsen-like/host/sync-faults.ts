// Syncs that fail, dawdle, hang or never return, injected into a running node (tracing.ts).

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Fault, Ongoing, Scene } from "../nemesis/fault.ts";
import { nameOf } from "./leftovers.ts";
import { chooseOne, deathsSince, gaveUp, howItEnded, pidOf, start, until } from "./targets.ts";
import { syncs, Trace, whyNoTracing } from "./tracing.ts";

let why: Promise<string | undefined> | undefined;
const probe = (): Promise<string | undefined> => (why ??= whyNoTracing());

/** A node that has little to do, or hardly a processor, syncs seldom. */
const effectMsMax = 30_000;
let traces = 0;

interface Injected {
  readonly id: number;
  /** Ends the injection; resolves to how many calls it changed. */
  finish(): Promise<number>;
}

async function inject(scene: Scene, which: "one" | "leader", what: string): Promise<Injected> {
  const id = await chooseOne(scene, which);
  const log = join(scene.directory, nameOf(`trace-${++traces}.log`));
  await mkdir(scene.directory, { recursive: true });
  const trace = await Trace.attach(pidOf(scene.cluster, id), { calls: syncs, what }, log);
  return {
    id,
    finish: async () => {
      await trace.detach();
      const count = await trace.injected();
      await trace.removeLog();
      return count;
    },
  };
}

/** Ends when the node has; it is started again. */
function deadly(name: string, what: string, how: (scene: Scene) => string): Fault {
  return {
    name,
    what,
    kind: "disk",
    combines: false,
    probe,
    begin: async (scene) => {
      const { cluster } = scene;
      const injected = await inject(scene, scene.random.chance(0.5) ? "leader" : "one", how(scene));
      const { id } = injected;
      const death = deathsSince(cluster, id);
      return {
        what: `node ${id}: ${how(scene)}`,
        targets: [id],
        ms: scene.random.between(2, 6) * scene.electionMs,
        end: async () => {
          const found = await until(effectMsMax, death);
          const count = await injected.finish();
          await start(cluster, [id]);
          if (found === undefined && count > 0 && name !== "fsync-kill")
            throw new Error(`R1: node ${id} went on after ${count} syncs that failed`);
          if (found === undefined) return undefined;
          return name === "fsync-kill"
            ? `node ${id} was ended ${howItEnded(found)} in a sync, and came back`
            : `${gaveUp(found)} after a sync that failed, and came back`;
        },
      };
    },
  };
}

function slow(name: string, which: "one" | "leader", fromMs: number, toMs: number): Fault {
  const whom = which === "one" ? "one node" : "the leader";
  return {
    name,
    what: `each sync of ${whom} takes ${fromMs} to ${toMs} ms longer`,
    kind: "disk",
    probe,
    begin: async (scene): Promise<Ongoing> => {
      const delayMs = scene.random.between(fromMs, toMs);
      const injected = await inject(scene, which, `delay_enter=${delayMs * 1_000}`);
      const { id } = injected;
      const death = deathsSince(scene.cluster, id);
      return {
        what: `each sync of node ${id} takes ${delayMs} ms longer`,
        targets: [id],
        ms: scene.random.between(1_000, 4_000) + delayMs,
        end: async () => {
          const count = await injected.finish();
          const ended = death();
          await start(scene.cluster, [id]);
          if (ended !== undefined)
            return `node ${id} ended by itself ${howItEnded(ended)}, and came back`;
          return count === 0 ? undefined : `${count} syncs of node ${id} were held up`;
        },
      };
    },
  };
}

export const syncFaults: readonly Fault[] = [
  deadly(
    "fsync-error",
    "every sync of one node fails from now on: it must give up",
    () => "error=EIO",
  ),
  deadly(
    "fsync-error-once",
    "one sync of one node fails, later ones succeed: it must give up all the same",
    () => "error=EIO:when=1",
  ),
  deadly(
    "fsync-kill",
    "one node is killed when it enters its n-th sync from now on",
    (scene) => `signal=SIGKILL:when=${scene.random.fork("fsync-kill").between(1, 12)}`,
  ),
  slow("fsync-slow", "one", 50, 500),
  slow("fsync-slow-leader", "leader", 50, 500),
  slow("fsync-hang-leader", "leader", 3_000, 6_000),
];

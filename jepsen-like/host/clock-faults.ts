// Clocks that jump under running nodes (clock.ts). Safety must not notice (P9).

import { join } from "node:path";
import type { Cluster } from "../cluster/contract.ts";
import type { Fault, Ongoing, Scene } from "../nemesis/fault.ts";
import { aheadOf, setClock, whyNoClock, withClock } from "./clock.ts";
import { wrap } from "./launchers.ts";
import { nameOf } from "./leftovers.ts";
import { choose, logSince, names, start, type Which } from "./targets.ts";

let why: Promise<string | undefined> | undefined;
const probe = (): Promise<string | undefined> => (why ??= whyNoClock());

const jumpSeconds = 3_600;
const changeMsMax = 1_500;

/** Nodes that were started with a clock of their own. */
const clocked = new WeakMap<Cluster, Set<number>>();

const fileOf = (scene: Scene, id: number): string => join(scene.directory, nameOf(`clock-${id}`));

/** A node gets its clock once, with a restart as an operator would do it. */
async function giveClock(scene: Scene, id: number): Promise<void> {
  const { cluster } = scene;
  const all = clocked.get(cluster) ?? new Set<number>();
  clocked.set(cluster, all);
  if (all.has(id)) return;
  setClock(fileOf(scene, id), 0);
  all.add(id);
  wrap(cluster, "clock", (node, command) =>
    all.has(node) ? withClock(command, fileOf(scene, node)) : command,
  );
  await cluster.stop(id);
  await start(cluster, [id]);
}

interface Shift {
  readonly what: string;
  /** Seconds ahead, one after the other, each for `everyMs`; the last one stays. */
  readonly steps: readonly number[];
  readonly everyMs: number;
}

async function shift(
  scene: Scene,
  ids: readonly number[],
  { what, steps, everyMs }: Shift,
): Promise<Ongoing> {
  for (const id of ids) await giveClock(scene, id);
  const logs = await Promise.all(ids.map((id) => logSince(scene.cluster.logFile(id))));
  let at = 0;
  const step = (): void => {
    const seconds = steps[at++];
    if (seconds !== undefined) for (const id of ids) setClock(fileOf(scene, id), seconds);
  };
  step();
  const timer = setInterval(step, everyMs);
  return {
    what: `${names(ids)}: ${what}`,
    targets: ids,
    ms: Math.max(steps.length * everyMs, changeMsMax) + scene.random.between(500, 3_000),
    end: async () => {
      clearInterval(timer);
      await changeLeader(scene);
      const ahead = (await Promise.all(logs.map((lines) => lines()))).map(furthest);
      for (const id of ids) setClock(fileOf(scene, id), 0);
      if (!ahead.some((seconds) => Math.abs(seconds) > jumpSeconds / 2)) return undefined;
      const told = ids.map((id, index) => `node ${id} by ${Math.round(ahead[index] ?? 0)} s`);
      return `the clocks that the nodes' logs show were off: ${told.join(", ")}`;
    },
  };
}

/** By how much the clock of the log was off at most. */
function furthest(lines: readonly string[]): number {
  const now = Date.now();
  const all = lines.flatMap((line) => aheadOf(line, now) ?? []);
  return all.reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0);
}

/** Nodes say little while all is well; a change of leader is told by all of them, with the time. */
async function changeLeader({ cluster, electionMs, random }: Scene): Promise<void> {
  const leader = await cluster.leader(6 * electionMs);
  const others = cluster.nodeIds.filter((id) => id !== leader && cluster.isRunning(id));
  if (leader === undefined || others.length === 0) return;
  // A refusal (the other lags) is no fault of the clock's; there was an election then or there was not.
  await cluster.transferLeadership(random.pick(others)).catch(() => undefined);
  await cluster.leader(6 * electionMs);
}

function jump(which: Which, hours: 1 | -1): Fault {
  const whom = which === "all" ? "all nodes" : which === "leader" ? "the leader" : "one node";
  return {
    name: `clock-${hours === 1 ? "ahead" : "back"}-${which}`,
    what: `the clock of ${whom} jumps one hour ${hours === 1 ? "ahead" : "back"}, and later returns`,
    kind: "clock",
    probe,
    begin: async (scene) => {
      const steps = [hours * jumpSeconds];
      const what = `the clock jumps by ${hours * jumpSeconds} s`;
      return await shift(scene, await choose(scene, which), { what, steps, everyMs: changeMsMax });
    },
  };
}

const strobe: Fault = {
  name: "clock-strobe",
  what: "the clock of a majority jumps an hour ahead and an hour back, again and again",
  kind: "clock",
  probe,
  begin: async (scene) =>
    await shift(scene, await choose(scene, "majority"), {
      what: "the clock jumps by an hour, ahead and back, three times",
      steps: [jumpSeconds, -jumpSeconds, jumpSeconds, -jumpSeconds, jumpSeconds, -jumpSeconds],
      everyMs: changeMsMax,
    }),
};

export const clockFaults: readonly Fault[] = [
  jump("one", 1),
  jump("one", -1),
  jump("leader", 1),
  jump("leader", -1),
  jump("all", 1),
  jump("all", -1),
  strobe,
];

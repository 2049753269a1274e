// Disks that are lost, damaged, or go back in time, of one node at a time while all others have everything: the most that is
// promised to be survived (P1). What a disk has lost cannot be given back, so in the end the node is replaced, as an operator
// would (docs/operations.md).
//   X1. A node with an empty disk under its old number is refused and ends by itself (C7).
//   X2. A node with a damaged file ends by itself, or serves what is right: it never answers with less than it had (F4, F7).
//       Which of both it was is what was observed; that it served what is right is for the checks to say.
//   X3. An old copy of a disk has forgotten votes and acknowledgements: it breaks what Raft stands on, and no node can see that
//       by itself. It is tried only while the others have everything and a leader is settled; the node must end, or catch up.

import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  cuts,
  flipBit,
  keepCopy,
  remove,
  restoreCopy,
  truncate,
  wipe,
  type FileKind,
  type Operation,
} from "../../cluster/surgery.ts";
import { Broken, NotNow, seconds, until } from "../effect.ts";
import type { Fault, Ongoing, Scene } from "../fault.ts";
import { expendable, replaceNode } from "../replacing.ts";

const startMsMax = 60_000;
const endMsMax = 60_000;

/** Why it ended, in its own last words. */
function lastWords({ cluster }: Scene, id: number): string {
  const death = cluster.deaths.filter(({ nodeId }) => nodeId === id).at(-1);
  if (death === undefined) return "";
  const line = [...death.lastLines].reverse().find((text) => text.includes('"msg"')) ?? "";
  const said = /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? death.lastLines.at(-1) ?? "";
  return `exit code ${death.code ?? "none"}: ${said.slice(0, 200)}`;
}

async function victimOf(scene: Scene): Promise<number> {
  const { cluster, random } = scene;
  return await expendable(scene, random.shuffled(cluster.nodeIds));
}

async function hasEnded({ cluster }: Scene, id: number, msMax: number): Promise<boolean> {
  return (await until(msMax, () => (cluster.isRunning(id) ? undefined : true))) === true;
}

const wiped: Fault = {
  name: "wipe",
  what: "a node loses its disk, comes back with an empty one, is refused and replaced",
  kind: "disk",
  combines: false,
  begin: async (scene): Promise<Ongoing> => {
    const { cluster } = scene;
    const id = await victimOf(scene);
    await cluster.kill(id);
    const { what } = wipe(cluster, id);
    return {
      what,
      targets: [id],
      ms: 0,
      end: async () => {
        await cluster.start(id, startMsMax);
        if (!(await hasEnded(scene, id, endMsMax)))
          throw new Broken(`node ${id} runs on under its old number with an empty disk (C7)`);
        const words = lastWords(scene, id);
        return `refused, ${words}; replaced by node ${await replaceNode(scene, id)}`;
      },
    };
  },
};

const oldCopy: Fault = {
  name: "old-copy",
  what: "a node comes back with an old copy of its disk, while the others have everything",
  kind: "disk",
  combines: false,
  begin: async (scene): Promise<Ongoing> => {
    const { cluster, random, electionMs, directory } = scene;
    const id = await victimOf(scene);
    const copy = join(directory, `old-copy-${id}`);
    await cluster.kill(id);
    keepCopy(cluster, id, copy);
    if (!(await cluster.start(id, startMsMax)))
      throw new Broken(`node ${id} did not come back after a kill`);
    const ms = random.between(4 * electionMs, 12 * electionMs);
    return {
      what: `brings a copy of node ${id}'s disk back that is ${seconds(ms)} old`,
      targets: [id],
      ms,
      end: async () => await restoreOld(scene, id, copy),
    };
  },
};

/** X3. */
async function restoreOld(scene: Scene, id: number, copy: string): Promise<string | undefined> {
  const { cluster, electionMs } = scene;
  try {
    await expendable(scene, [id]);
    const before = await cluster.observe(id);
    await cluster.kill(id);
    restoreCopy(cluster, id, copy);
    const started = await cluster.start(id, startMsMax);
    const applied = before?.appliedIndex ?? 0;
    const caughtUp = await until(20 * electionMs, async () => {
      if (!cluster.isRunning(id)) return false;
      const view = await cluster.observe(id);
      return view !== undefined && view.appliedIndex > applied ? true : undefined;
    });
    const how =
      started && caughtUp === true
        ? `caught up beyond ${applied}`
        : cluster.isRunning(id)
          ? "did not catch up"
          : lastWords(scene, id);
    return `${how}; replaced by node ${await replaceNode(scene, id)}`;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

type Damage = (scene: Scene, id: number) => Operation | undefined;

function damaging(name: string, what: string, damage: Damage): Fault {
  return {
    name,
    what,
    kind: "disk",
    combines: false,
    begin: async (scene): Promise<Ongoing> => {
      const { cluster } = scene;
      const id = await victimOf(scene);
      await cluster.kill(id);
      const done = damage(scene, id);
      if (done === undefined) {
        if (!(await cluster.start(id, startMsMax)))
          throw new Broken(`node ${id} did not come back after a kill`);
        throw new NotNow(`node ${id} has no such file`);
      }
      return {
        what: done.what,
        targets: [id],
        ms: 0,
        end: async () => {
          const how = await lifeAfter(scene, id);
          return `${how}; replaced by node ${await replaceNode(scene, id)}`;
        },
      };
    },
  };
}

/** X2. What it does not see when it starts it may meet later, and end then; until it is replaced it may even lead. */
async function lifeAfter(scene: Scene, id: number): Promise<string> {
  const { cluster, electionMs } = scene;
  const started = await cluster.start(id, startMsMax);
  if (!started) return `did not start, ${lastWords(scene, id)}`;
  return (await hasEnded(scene, id, 6 * electionMs))
    ? `ended by itself, ${lastWords(scene, id)}`
    : "served on";
}

/** The log and what stands beside it: what a node has promised. */
const promised: readonly FileKind[] = ["segment", "base", "hard-state", "guard", "identity"];
/** The store: what it makes of the log. */
const made: readonly FileKind[] = ["sst", "manifest", "current", "state-current"];

const flipped =
  (kinds: readonly FileKind[]): Damage =>
  ({ cluster, random }, id) =>
    first(random.shuffled(kinds), (kind) => flipBit(cluster, id, kind, random));

const cutShort =
  (kinds: readonly FileKind[]): Damage =>
  ({ cluster, random }, id) =>
    first(random.shuffled(kinds), (kind) => truncate(cluster, id, kind, random.pick(cuts), random));

const deleted: Damage = ({ cluster, random }, id) =>
  first(random.shuffled([...promised, ...made]), (kind) => remove(cluster, id, kind, random));

/** Of the kinds that there are: a node need not have each. */
function first<T>(
  kinds: readonly FileKind[],
  work: (kind: FileKind) => T | undefined,
): T | undefined {
  for (const kind of kinds) {
    const done = work(kind);
    if (done !== undefined) return done;
  }
  return undefined;
}

export const disksFaults: readonly Fault[] = [
  wiped,
  oldCopy,
  damaging("flip-log", "one bit of a node's log flips while it is down", flipped(["segment"])),
  damaging("flip-vote", "one bit flips in what stands beside the log", flipped(promised.slice(1))),
  damaging("flip-state", "one bit of a node's store flips while it is down", flipped(made)),
  damaging("cut-log", "a file of a node's log loses its end while it is down", cutShort(promised)),
  damaging("cut-state", "a file of a node's store loses its end while it is down", cutShort(made)),
  damaging("lose-file", "a file of a node is lost while it is down", deleted),
];

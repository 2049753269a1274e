// What the network does to nodes and clients.
//   X1. One of these at a time (schedule.ts): so ending one may heal everything.
//   X2. It counts when the network says that it held something back, delayed or reset it; a leader that was cut off must
//       have been followed by another one, or must have led on in a later term.

import type { End, Trouble } from "../../net/contract.ts";
import {
  alone,
  bridge,
  deaf,
  everyPeer,
  fromClients,
  halves,
  majorityAndAlone,
  mute,
  ring,
  type Direction,
} from "../cuts.ts";
import { leaderOf, NotNow, reign, running, seconds } from "../effect.ts";
import type { Fault, Ongoing, Scene } from "../fault.ts";

interface Shape {
  readonly what: string;
  readonly targets: readonly number[];
  readonly directions: readonly Direction[];
}

type Draw = (scene: Scene) => Shape | Promise<Shape>;
type Ill = (scene: Scene) => { readonly how: string; readonly trouble: Trouble };

const swallowed: Ill = () => ({ how: "swallowed", trouble: { blackHole: true } });
const refused: Trouble = { reset: true };
/** What a cut looks like: packets that vanish, or now and then, where that can be, a connection that is refused. */
const cut: Ill = ({ random, network }) =>
  random.chance(0.25) && network.can?.(1, 2, refused) !== false
    ? { how: "reset", trouble: refused }
    : { how: "cut", trouble: { blackHole: true } };
const reset: Ill = () => ({ how: "reset", trouble: refused });
const halved: Ill = () => ({ how: "half-open", trouble: { halfOpen: true } });
const delayed: Ill = () => ({ how: "100 ± 50 ms late", trouble: { delayMs: 100, jitterMs: 50 } });
const crawling: Ill = ({ random }) => {
  const bytesPerSecond = random.pick([4_096, 16_384, 65_536]);
  return { how: `${bytesPerSecond / 1_024} KiB/s`, trouble: { bytesPerSecond } };
};

function oneOf(scene: Scene): number {
  const up = running(scene);
  if (up.length === 0) throw new NotNow("no node is up");
  return scene.random.pick(up);
}

const members = ({ cluster }: Scene): readonly number[] => cluster.nodeIds;
const shuffled = (scene: Scene): number[] => scene.random.shuffled(members(scene));

async function leaderFirst(scene: Scene): Promise<number[]> {
  const leader = await leaderOf(scene);
  return [leader, ...shuffled(scene).filter((id) => id !== leader)];
}

/** Of one node, which is the leader if so wished. */
function ofOne(
  target: "one" | "leader",
  directions: (ids: readonly number[], id: number) => Direction[],
): Draw {
  return async (scene) => {
    const id = target === "leader" ? await leaderOf(scene) : oneOf(scene);
    const what = target === "leader" ? `node ${id}, the leader` : `node ${id}`;
    return { what, targets: [id], directions: directions(members(scene), id) };
  };
}

const all =
  (what: string, order: Draw | undefined, directions: (ids: number[]) => Direction[]): Draw =>
  async (scene) => {
    const ids = order === undefined ? shuffled(scene) : [...(await order(scene)).targets];
    return { what: `${what} (${ids.join(" ")})`, targets: ids, directions: directions(ids) };
  };

const led: Draw = async (scene) => ({
  what: "",
  targets: await leaderFirst(scene),
  directions: [],
});

interface Options {
  readonly weight?: number;
  /** Election times that it lasts, at least and at most. */
  readonly lasts?: readonly [number, number];
  /** The node that is hit led, and cannot go on leading (X2). */
  readonly deposes?: boolean;
  readonly flaps?: boolean;
  readonly between?: Trouble;
}

function networkFault(name: string, what: string, draw: Draw, ill: Ill, options: Options): Fault {
  const { weight = 1, lasts = [2, 10], deposes = false, flaps = false, between } = options;
  return {
    name,
    what,
    kind: "network",
    weight,
    ...(between === undefined ? {} : { between }),
    begin: async (scene): Promise<Ongoing> => {
      const { network, random, electionMs } = scene;
      const shape = await draw(scene);
      const { how, trouble } = ill(scene);
      const ms = random.between(lasts[0] * electionMs, lasts[1] * electionMs);
      const before = { disturbed: network.disturbed, reign: await reign(scene) };
      const put = (now: Trouble | undefined): void => {
        for (const [from, to] of shape.directions) network.set(from, to, now);
      };
      put(trouble);
      const flapping = flaps ? flap(scene, put, trouble) : undefined;
      return {
        what: `${shape.what}: ${how}, for ${seconds(ms)}`,
        targets: shape.targets,
        ms,
        end: async () => {
          flapping?.();
          const seen = await seenOf(scene, before, deposes ? shape.targets : []);
          network.heal();
          return seen;
        },
      };
    },
  };
}

/** On and off, each for 50 to 200 ms, until the returned function is called. */
function flap(
  { random }: Scene,
  put: (trouble: Trouble | undefined) => void,
  trouble: Trouble,
): () => void {
  const chance = random.fork("flap");
  let isOn = true;
  let timer: NodeJS.Timeout | undefined;
  const turn = (): void => {
    isOn = !isOn;
    put(isOn ? trouble : undefined);
    timer = setTimeout(turn, chance.between(50, 200));
  };
  timer = setTimeout(turn, chance.between(50, 200));
  return () => clearTimeout(timer);
}

interface Before {
  readonly disturbed: number;
  readonly reign: { readonly term: number; readonly leaderId: number } | undefined;
}

/** X2. Observed past the network's trouble. */
async function seenOf(
  scene: Scene,
  before: Before,
  deposed: readonly End[],
): Promise<string | undefined> {
  const disturbed = scene.network.disturbed - before.disturbed;
  if (disturbed <= 0) return undefined;
  const now = await reign(scene);
  const change =
    now === undefined || before.reign === undefined || now.term === before.reign.term
      ? ""
      : `; term ${before.reign.term} → ${now.term}, leader ${now.leaderId === 0 ? "none" : now.leaderId}`;
  if (deposed.length > 0 && change === "") return undefined;
  return `${disturbed} disturbed${change}`;
}

/** Clients lose it too: nobody can reach it. */
const aloneAndClients = (ids: readonly number[], id: number): Direction[] => [
  ...alone(ids, id),
  ...fromClients([id]),
];

/** So long that a leader that hears nobody has certainly stepped down, and another one is elected. */
const long: readonly [number, number] = [6, 14];

export const networkFaults: readonly Fault[] = [
  networkFault(
    "isolate",
    "one node cut off from the others; clients reach it",
    ofOne("one", alone),
    cut,
    { weight: 4 },
  ),
  networkFault(
    "isolate-leader",
    "the leader cut off from the others; clients reach it",
    ofOne("leader", alone),
    cut,
    { weight: 3, lasts: long, deposes: true },
  ),
  networkFault(
    "isolate-wholly",
    "one node cut off from the others and from clients",
    ofOne("one", aloneAndClients),
    cut,
    { weight: 2 },
  ),
  networkFault(
    "halves",
    "two parts, one of them a majority",
    all("halves", undefined, halves),
    cut,
    {
      lasts: long,
    },
  ),
  networkFault(
    "majority-minority",
    "the smallest majority, and each of the others alone",
    all("majority", undefined, majorityAndAlone),
    cut,
    { lasts: long },
  ),
  networkFault(
    "leader-in-minority",
    "the leader in the smaller part",
    all("the leader last", led, (ids) => halves([...ids].reverse())),
    cut,
    { lasts: long },
  ),
  networkFault(
    "bridge",
    "two halves that one node alone can reach",
    all("bridge", undefined, bridge),
    cut,
    { lasts: long },
  ),
  networkFault(
    "bridge-leader",
    "two halves that the leader alone can reach",
    all("bridge", led, bridge),
    cut,
    { lasts: long },
  ),
  networkFault(
    "ring",
    "each node hears a majority, no two the same one",
    all("ring", undefined, ring),
    swallowed,
    { lasts: long },
  ),
  networkFault("one-way-in", "one node hears nothing, is heard", ofOne("one", deaf), swallowed, {
    lasts: long,
  }),
  networkFault("one-way-out", "one node hears, is not heard", ofOne("one", mute), swallowed, {
    lasts: long,
  }),
  networkFault(
    "one-way-in-leader",
    "the leader hears nothing, is heard: it must step down by itself",
    ofOne("leader", deaf),
    swallowed,
    { lasts: long, deposes: true },
  ),
  networkFault(
    "one-way-out-leader",
    "the leader hears, is not heard",
    ofOne("leader", mute),
    swallowed,
    { lasts: long, deposes: true },
  ),
  networkFault(
    "flap",
    "one node cut off and back each 50 to 200 ms",
    ofOne("one", alone),
    swallowed,
    { flaps: true },
  ),
  networkFault(
    "flap-leader",
    "the leader cut off and back each 50 to 200 ms",
    ofOne("leader", alone),
    swallowed,
    { flaps: true },
  ),
  networkFault(
    "delay",
    "100 ± 50 ms between all nodes",
    all("all nodes", undefined, everyPeer),
    delayed,
    { lasts: long, between: { delayMs: 100 } },
  ),
  networkFault(
    "delay-clients",
    "100 ± 50 ms between clients and all nodes",
    all("clients", undefined, fromClients),
    delayed,
    {},
  ),
  networkFault(
    "throttle-leader",
    "4 to 64 KiB/s between the leader and the others",
    ofOne("leader", alone),
    crawling,
    { between: { bytesPerSecond: 4_096 } },
  ),
  networkFault(
    "black-hole",
    "one node: everything is accepted, nothing arrives, from nodes and clients",
    ofOne("one", aloneAndClients),
    swallowed,
    {},
  ),
  networkFault(
    "reset",
    "one node: every connection is reset, from nodes and clients",
    ofOne("one", aloneAndClients),
    reset,
    { between: refused },
  ),
  networkFault(
    "half-open",
    "one node: connections end for whoever sends, and the receiver is not told",
    ofOne("one", aloneAndClients),
    halved,
    { between: { halfOpen: true } },
  ),
  networkFault(
    "clients-only",
    "clients lose the leader, nodes do not",
    ofOne("leader", (_, id) => fromClients([id])),
    cut,
    {},
  ),
  networkFault(
    "clients-all",
    "clients lose all nodes, nodes lose nobody",
    all("clients", undefined, fromClients),
    cut,
    {},
  ),
  networkFault(
    "peers-only",
    "every node loses every other one, clients lose nobody",
    all("all nodes", undefined, everyPeer),
    cut,
    {},
  ),
];

// Who hears whom no more.

import { bothWays, cutAll, oneWay, type Cut } from "../../../testing/cuts.ts";
import type { FaultKit } from "./kit.ts";
import { kill, pause } from "./processes.ts";

export function partition(kit: FaultKit): void {
  const { network, trace, counters, clients } = kit.world;
  const all = kit.machines.map(({ name }) => name);
  const people = clients.map(({ name }) => name);
  const target = kit.target.name;
  const others = all.filter((name) => name !== target);
  const shuffled = kit.random.shuffled(all);
  const half = Math.floor(all.length / 2);
  const [left, right] = [shuffled.slice(0, half), shuffled.slice(half)];
  const [bridge] = right;
  const cuts: Cut[] = [];
  const one = (from: readonly string[], to: readonly string[]): void =>
    void cuts.push(...oneWay(from, to));
  const both = (a: readonly string[], b: readonly string[]): void =>
    void cuts.push(...bothWays(a, b));
  const kind = kit.random.pick([
    ...["isolate", "isolate", "isolate", "isolate-all", "isolate-all", "halves", "bridge"],
    ...["ring", "one-way-in", "one-way-out", "clients", "peers"],
  ]);
  if (kind === "isolate") both([target], others);
  else if (kind === "isolate-all") both([target], [...others, ...people]);
  else if (kind === "halves") both(left, right);
  else if (kind === "bridge") both(left, right.slice(1));
  else if (kind === "ring") {
    // Each sees a majority, no two see the same one.
    shuffled.forEach((name, at) => {
      const far = shuffled[(at + half) % shuffled.length];
      if (far !== undefined && shuffled.length > 3) both([name], [far]);
    });
  } else if (kind === "one-way-in") one(others, [target]);
  else if (kind === "one-way-out") one([target], others);
  else if (kind === "clients") both([target], people);
  else both(all, all);
  trace.fault("partition", kind, kind === "bridge" ? bridge : target);
  counters.partitions += 1;
  cutAll(kit.world, cuts);
  const ms = kit.random.chance(0.1) ? 15_000 : kit.whileMs * 2;
  kit.later(ms, () => {
    trace.event("mend", kind);
    for (const [from, to] of cuts) network.mend(from, to);
  });
}

/**
 * The leader's peers hear it no more, its clients do: what it appends is lost when another one leads. It comes back just when
 * that one goes: now logs that parted must agree (fig. 8; B1, B2, A4).
 */
export function usurp(kit: FaultKit): void {
  const { network, trace, counters, leader, time } = kit.world;
  if (leader === undefined) return;
  const others = kit.machines.filter((machine) => machine !== leader);
  trace.fault("usurp", leader.name);
  counters.partitions += 1;
  const isDeaf = kit.random.chance(0.7);
  for (const { name } of others) {
    network.cut(leader.name, name);
    if (isDeaf) network.cut(name, leader.name);
  }
  let isOver = false;
  const mend = (): void => {
    isOver = true;
    trace.event("mend", "usurp", leader.name);
    for (const { name } of others) {
      network.mend(leader.name, name);
      network.mend(name, leader.name);
    }
  };
  kit.later(5 * kit.world.electionMs, mend);
  const look = (): void => {
    if (isOver || kit.isOver) return;
    const successor = kit.world.leader;
    if (successor === undefined || successor === leader) {
      time.after(10, undefined, look);
      return;
    }
    time.after(kit.random.between(0, 300), undefined, () => {
      if (isOver || kit.isOver) return;
      mend();
      const dice = kit.random.next();
      if (dice < 0.4) kill(kit, successor);
      else if (dice < 0.8) pause(kit, successor);
    });
  };
  look();
}

// Cutting connections: what is sent is lost or held back, and whoever hears nothing for too long gives up.

import type { Calls } from "./calls/calls.ts";
import type { Network } from "./network.ts";
import { peerKeepAliveMs } from "./peers.ts";
import type { Time } from "./time.ts";

export interface CutWorld {
  readonly time: Time;
  readonly network: Network;
  readonly calls: Calls;
  isClient(name: string): boolean;
  /** The link of one node to another, by their names; undefined: there is none. */
  link(from: string, to: string): { break(ms: number): void } | undefined;
}

/** From, to: one way. */
export type Cut = readonly [from: string, to: string];

/** Each of the one cut from each of the others, one way. */
export function oneWay(from: readonly string[], to: readonly string[]): Cut[] {
  return from.flatMap((a) => to.flatMap((b): Cut[] => (a === b ? [] : [[a, b]])));
}

export function bothWays(some: readonly string[], others: readonly string[]): Cut[] {
  return [...oneWay(some, others), ...oneWay(others, some)];
}

export function cutAll(world: CutWorld, cuts: readonly Cut[]): void {
  const { network, time, calls } = world;
  for (const [from, to] of cuts) {
    network.cut(from, to);
    if (world.isClient(from) || world.isClient(to)) calls.cut(from, to);
  }
  for (const [from, to] of cuts) {
    const number = network.cutNumber(from, to);
    time.after(peerKeepAliveMs, undefined, () => {
      if (network.cutNumber(from, to) !== number) return;
      world.link(from, to)?.break(0);
      world.link(to, from)?.break(0);
    });
  }
}

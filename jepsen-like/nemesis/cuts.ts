// Who does not hear whom: the shapes of partitions, as sets of directions. Pure.

import type { End } from "../net/contract.ts";
import { majorityOf } from "./effect.ts";

/** What flows from the first to the second is in trouble. */
export type Direction = readonly [from: End, to: End];

/** Every direction between nodes of different groups; a node in no group is cut from none. */
export function between(...groups: readonly (readonly End[])[]): Direction[] {
  return groups.flatMap((group, index) =>
    groups
      .filter((_, other) => other !== index)
      .flatMap((others) =>
        group.flatMap((from) => others.map((to): Direction => [from, to] as const)),
      ),
  );
}

const without = (ids: readonly number[], id: number): number[] => ids.filter((one) => one !== id);

/** One node from all other nodes, both ways. */
export const alone = (ids: readonly number[], id: number): Direction[] =>
  between([id], without(ids, id));

/** It speaks and hears nothing. */
export const deaf = (ids: readonly number[], id: number): Direction[] =>
  without(ids, id).map((from): Direction => [from, id]);

/** It hears and is not heard. */
export const mute = (ids: readonly number[], id: number): Direction[] =>
  without(ids, id).map((to): Direction => [id, to]);

/** The larger part first; with an odd number it is the majority by one. */
export function halves(order: readonly number[]): Direction[] {
  const middle = majorityOf(order.length - 1);
  return between(order.slice(0, middle), order.slice(middle));
}

/** As few as a majority together; each of the others alone. */
export function majorityAndAlone(order: readonly number[]): Direction[] {
  const middle = majorityOf(order.length);
  return between(order.slice(0, middle), ...order.slice(middle).map((id) => [id]));
}

/** Two halves that only the first node reaches. */
export function bridge(order: readonly number[]): Direction[] {
  const others = order.slice(1);
  const middle = Math.floor(others.length / 2);
  return between(others.slice(0, middle), others.slice(middle));
}

/** Each hears a majority, itself in it, and no two the same one. With three nodes: each hears the next. */
export function ring(order: readonly number[]): Direction[] {
  const heard = majorityOf(order.length) - 1;
  const before = Math.floor(heard / 2);
  return order.flatMap((to, place) =>
    order.flatMap((from, other): Direction[] => {
      const distance = (other - place + order.length) % order.length;
      const hears =
        distance === 0 || distance <= heard - before || distance >= order.length - before;
      return hears ? [] : [[from, to]];
    }),
  );
}

/** Every node from every other one: nobody has a majority, and clients reach all. */
export const everyPeer = (ids: readonly number[]): Direction[] => between(...ids.map((id) => [id]));

/** All clients from these nodes, both ways. */
export const fromClients = (ids: readonly number[]): Direction[] => between(["clients"], ids);

// What is measured, item by item. A new item is one file in items/ and one line in items/index.ts.

import type { Bench } from "./bench.ts";

export interface Item {
  /** What --only calls it. */
  readonly name: string;
  readonly title: string;
  /** One line for --list. */
  readonly about: string;
  /** It takes long: only when --only names it. */
  readonly isLong?: boolean;
  /** Called once for each repetition, with a cluster that nobody has used. */
  readonly run: (bench: Bench) => Promise<readonly Measured[]>;
}

/** One thing measured, once; an item that compares has several, told apart by their labels. */
export interface Measured {
  /** Empty: the item has only this one. */
  readonly label: string;
  readonly figures: Figures;
  /** By what they are of ("confirm", "end to end"), as latency.ts writes them. */
  readonly histograms?: Readonly<Record<string, string>>;
  readonly series?: readonly Series[];
}

/** Named figures, in the order of the table. A unit is part of the name; undefined: unavailable on this machine. */
export type Figures = Readonly<Record<string, number | undefined>>;

/** Something that changes: what the axes are the page knows (page/). */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface BenchOptions {
  readonly bytes: number;
  readonly keys: number;
  readonly nodes: number;
  /** Length of the counted windows; undefined: the item's own. */
  readonly seconds: number | undefined;
  /** Messages waiting in `backlog`. */
  readonly backlog: number;
  /** Messages waiting in `drain` and `snapshot`. */
  readonly preload: number;
  /** Leaders killed by `failover`; a quarter of them is stopped by `hang`. */
  readonly failovers: number;
  /** Length of `soak`. */
  readonly minutes: number;
}

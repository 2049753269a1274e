// Seeds that once found a bug, and what it was. A change of the code changes what a seed does: the commit that mended it is the
// last one of which the line is certainly true. They run on every commit.

export interface Found {
  readonly seed: number;
  readonly nodes?: number;
  /** The bug, in a sentence. */
  readonly what: string;
  /** Subject of the commit that mended it. */
  readonly commit: string;
}

export const corpus: readonly Found[] = [
  {
    seed: 157,
    what: "a dead letter named its message by the bytes of a row: no client could read a frame with one",
    commit: "The simulation: the whole cluster in one thread from one seed",
  },
  {
    seed: 1507486386,
    what: "a heartbeat was answered in a term that was still on its way to the disk from the step before (R2)",
    commit: "No answer overtakes its term, of whichever step it is (R2)",
  },
];

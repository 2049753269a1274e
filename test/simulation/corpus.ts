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
    seed: 300_102,
    what: "a dead letter named its message by the bytes of a row: no client could read a frame with one",
    commit: "Members that come and go, replicas that compare themselves, disks that fill up",
  },
  {
    seed: 70_227,
    what: "a leader elected before it had applied a time far ahead of its clock: leases and waits stood still for the difference",
    commit:
      "Stamps begin anew when the state machine is up to date; a silent node leaves time for the others",
  },
  {
    seed: 70_106,
    what: "with a timeout of 2 s one endpoint that says nothing took all of it: the client never got to the others",
    commit:
      "Stamps begin anew when the state machine is up to date; a silent node leaves time for the others",
  },
  {
    seed: 1_507_486_386,
    what: "a heartbeat was answered in a term that was still on its way to the disk from the step before (R2)",
    commit: "No answer overtakes its term, of whichever step it is (R2)",
  },
  {
    seed: 1_842_800_367,
    what: "of the world, not of the product: a damaged node that was the only voter went on alone in quarantine",
    commit: "The simulated world in a folder of its own, testing/; createTestCluster",
  },
  {
    seed: 640_103_564,
    what: "a node killed between the rename of state/current and its sync started again, removed the old state, and lost power: neither was left",
    commit:
      "What a killed process renamed may be in the page cache only: the next one syncs the names before it removes what they replaced (F3, E5)",
  },
  {
    seed: 365_602_127,
    what: "a leader that began a snapshot while the log was compacted past it did not know the index any more, and ended itself",
    commit: "Nothing is compacted while a snapshot is being opened (X1)",
  },
  {
    seed: 365_601_792,
    what: "of the world, not of the product: what had just been compacted counted as not on the disk",
    commit: "Nothing is compacted while a snapshot is being opened (X1)",
  },
];

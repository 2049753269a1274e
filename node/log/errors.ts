// What can go wrong with a log, in three kinds: the disk failed now (LogFailedError), the disk lied before
// (CorruptLogError), or our own code is wrong (assert). All three end the node.

/** A failed assertion is a bug: the log dies with it, because a stopped node is safe and a wrong one is not (R15). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`log assertion failed: ${message}`);
}

/** The first error on a durability path, or a call made after it (F2, R1). The process must end. */
export class LogFailedError extends Error {
  override readonly name = "LogFailedError";
}

/** Stored bytes are not what was made durable. Never repaired by cutting: that would delete acknowledged entries (F4). */
export class CorruptLogError extends Error {
  override readonly name = "CorruptLogError";
  readonly file: string;
  /** Byte offset in `file` of the first thing that is wrong. */
  readonly offset: number;
  readonly expected: string;

  constructor(file: string, offset: number, expected: string) {
    super(
      `${file} is damaged at byte ${offset}: ${expected}. ` +
        "Entries that this node acknowledged may be lost, so it must not run on this data. " +
        "Replace this node: remove the member from the cluster, keep or delete its data directory, " +
        "and add a new member under an id that was never used.",
    );
    this.file = file;
    this.offset = offset;
    this.expected = expected;
  }
}

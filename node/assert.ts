/** A broken invariant is a bug of ours: the node stops, because a stopped node is safe and a wrong one is not (R15). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

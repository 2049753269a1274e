// Assertions stay on in production (R15): a failed one is a bug in our code, and a stopped node is safe, a wrong one is not.

class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}

/** The value, which must be there. */
export function must<T>(value: T | undefined, invariant: string): T {
  if (value === undefined) throw new AssertionError(invariant);
  return value;
}

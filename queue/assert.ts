/** A fact the code relies on. When it is false the code is wrong: the process stops (R15). */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`queue: ${message}`);
}

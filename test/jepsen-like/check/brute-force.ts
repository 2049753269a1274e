// Every order there is: slow, and too simple to be wrong. What the checkers say of small histories is compared with it.

export interface Op {
  readonly f: string;
  readonly v: unknown;
  readonly inv: number;
  readonly ret: number | null;
  readonly ok?: boolean | null;
}

/** May a call happen in this state? Then what the state is afterwards; undefined: it may not. */
type Step<State> = (state: State, op: Op) => State[];

/** Calls that never returned may be left out; all others happen, none before one that returned before it was invoked. */
function search<State>(
  ops: readonly Op[],
  optional: (op: Op) => boolean,
  step: Step<State>,
  state: State,
): boolean {
  if (ops.every(optional)) return true;
  return ops.some((op) => {
    const others = ops.filter((other) => other !== op);
    const isFirst = others.every(
      (other) => optional(other) || other.ret === null || other.ret >= op.inv,
    );
    return isFirst && step(state, op).some((next) => search(others, optional, step, next));
  });
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

export function fifoByForce(ops: readonly Op[]): boolean {
  const step: Step<readonly unknown[]> = (queue, { f, v, ret }) => {
    if (f === "enqueue") return [[...queue, v]];
    if (ret === null) return queue.length === 0 ? [] : [queue.slice(1)];
    if (v === "empty") return queue.length === 0 ? [queue] : [];
    return queue.length > 0 && same(queue[0], v) ? [queue.slice(1)] : [];
  };
  return search(ops, ({ ret }) => ret === null, step, []);
}

export function registerByForce(ops: readonly Op[]): boolean {
  const happened = ops.filter(({ f, ok }) => f === "cas" || ok !== false);
  const step: Step<unknown> = (value, { f, v, ok }) => {
    if (f === "read") return ok === null || same(value, v) ? [value] : [];
    if (f === "write") return [v];
    const [expected, next] = v as [unknown, unknown];
    if (ok === false) return same(value, expected) ? [] : [value];
    return same(value, expected) ? [next] : [];
  };
  // Unknown: at any time from its invocation on, or never, also if the client's call has returned.
  return search(
    happened.map((op) => (op.ok === null ? { ...op, ret: null } : op)),
    ({ ret }) => ret === null,
    step,
    null,
  );
}

// What comes before what, in one sweep: two sorts, and no pair is looked at twice.

/** Something that lasts from `inv` to `ret`; it is before another when it ended before that began. */
export interface Lasting {
  readonly inv: number;
  readonly ret: number;
}

/** Each item that has others before it, with the one of these whose value is greatest. */
export function* greatestBefore<T extends Lasting>(
  items: readonly T[],
  value: (item: T) => number,
): Generator<readonly [before: T, item: T]> {
  const byRet = items.filter(({ ret }) => ret !== Infinity).sort((a, b) => a.ret - b.ret);
  let next = 0;
  let greatest: T | undefined;
  for (const item of items.toSorted((a, b) => a.inv - b.inv)) {
    for (; ; next++) {
      const one = byRet[next];
      if (one === undefined || one.ret >= item.inv) break;
      if (greatest === undefined || value(one) > value(greatest)) greatest = one;
    }
    if (greatest !== undefined) yield [greatest, item];
  }
}

/** In groups, each in the order in which they came. */
export function grouped<T>(items: Iterable<T>, name: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const of = name(item);
    const group = groups.get(of);
    if (group === undefined) groups.set(of, [item]);
    else group.push(item);
  }
  return groups;
}

// The first so many of very many, in some order.

/** Kept beyond the limit before what is too much is cut away: cutting sorts, and is to be rare. */
const slack = 512;

/** Each name once; neither all of them are kept, nor all of them sorted. */
export class First<T> {
  private readonly compare: (a: T, b: T) => number;
  private readonly limit: number;
  private found = new Map<string, T>();
  /** The last that stayed when it was cut: what comes after it need not be kept. */
  private bound: T | undefined;

  constructor(compare: (a: T, b: T) => number, limit: number) {
    this.compare = compare;
    this.limit = limit;
  }

  offer(name: string, one: T): void {
    const { bound } = this;
    if (bound !== undefined && !this.found.has(name) && this.compare(one, bound) > 0) return;
    this.found.set(name, one);
    if (this.found.size >= 2 * this.limit + slack) this.cut();
  }

  taken(): T[] {
    this.cut();
    return [...this.found.values()];
  }

  private cut(): void {
    const sorted = [...this.found].sort(([, a], [, b]) => this.compare(a, b));
    this.found = new Map(sorted.slice(0, this.limit));
    if (sorted.length >= this.limit) this.bound = sorted[this.limit - 1]?.[1];
  }
}

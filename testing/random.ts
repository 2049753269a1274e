// All chance of a simulated world comes from one seed. Each concern draws from a generator of its own, so that a change in
// one of them does not change what the others do.

/** Mulberry32: small, and the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** From `min` up to `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws when there is nothing to pick from. */
  pick<T>(all: readonly T[]): T {
    if (all.length === 0) throw new Error("nothing to pick from");
    return all[Math.floor(this.next() * all.length)] as T;
  }

  shuffled<T>(all: readonly T[]): T[] {
    const rest = [...all];
    const order: T[] = [];
    while (rest.length > 0) order.push(...rest.splice(Math.floor(this.next() * rest.length), 1));
    return order;
  }

  u32(): number {
    return Math.floor(this.next() * 4_294_967_296);
  }

  /** Another generator that goes its own way. */
  fork(): Random {
    return new Random(this.u32());
  }
}

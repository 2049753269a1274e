/** The smallest of many numbers, in O(log n). What comes out depends on what is in, not on the order in which it went in. */
export class Heap {
  private readonly numbers: number[] = [];

  get size(): number {
    return this.numbers.length;
  }

  get least(): number | undefined {
    return this.numbers[0];
  }

  values(): readonly number[] {
    return this.numbers;
  }

  push(value: number): void {
    const numbers = this.numbers;
    let at = numbers.length;
    numbers.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = numbers[parent] ?? value;
      if (above <= value) break;
      numbers[at] = above;
      at = parent;
    }
    numbers[at] = value;
  }

  pop(): number | undefined {
    const numbers = this.numbers;
    const least = numbers[0];
    const value = numbers.pop();
    if (value === undefined || numbers.length === 0) return least;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = numbers[child];
      if (below === undefined) break;
      const right = numbers[child + 1];
      if (right !== undefined && right < below) {
        child++;
        below = right;
      }
      if (below >= value) break;
      numbers[at] = below;
      at = child;
    }
    numbers[at] = value;
    return least;
  }

  /** Forgets everything and starts again with these. */
  replace(values: readonly number[]): void {
    this.numbers.length = 0;
    for (const value of values) this.push(value);
  }
}

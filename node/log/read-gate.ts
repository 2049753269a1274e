// Many reads, or one change that removes bytes: a read must never see a file being cut, for it would take that for
// damage and end the node.

export class ReadGate {
  private reads = 0;
  /** Resolves when the change under way or waiting is done. */
  private change: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  async shared<T>(read: () => Promise<T>): Promise<T> {
    while (this.change !== undefined) await this.change;
    this.reads++;
    try {
      return await read();
    } finally {
      this.reads--;
      if (this.reads === 0) this.drained?.();
    }
  }

  /** One at a time: only the writer calls it. New reads wait, so that a change is never starved. */
  async exclusive<T>(change: () => Promise<T>): Promise<T> {
    let done: () => void = () => undefined;
    this.change = new Promise((resolve) => (done = resolve));
    try {
      if (this.reads > 0) await new Promise<void>((resolve) => (this.drained = resolve));
      this.drained = undefined;
      return await change();
    } finally {
      this.change = undefined;
      done();
    }
  }
}

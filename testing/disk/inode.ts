// The content of a file: what is durable, what the page cache shows, and the changes between the two.

export type Pending =
  | { readonly kind: "write"; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly size: number };

/** Bytes that grow at the end without being copied each time. */
export class Content {
  private buffer = Buffer.alloc(0);
  private used = 0;

  static of(bytes: Buffer): Content {
    const content = new Content();
    content.write(0, bytes);
    return content;
  }

  get length(): number {
    return this.used;
  }

  /** A view: valid until the next change. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  write(at: number, bytes: Buffer): void {
    const end = at + bytes.byteLength;
    if (end > this.used) this.resize(end);
    bytes.copy(this.buffer, at);
  }

  /** What is gained is zero. */
  resize(size: number): void {
    if (size > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.buffer.length, 256));
      this.buffer.copy(larger, 0, 0, this.used);
      this.buffer = larger;
    } else if (size > this.used) this.buffer.fill(0, this.used, size);
    this.used = size;
  }

  apply(change: Pending): void {
    if (change.kind === "write") this.write(change.at, change.bytes);
    else this.resize(change.size);
  }
}

export class Inode {
  durable = new Content();
  cached = new Content();
  pending: Pending[] = [];
}

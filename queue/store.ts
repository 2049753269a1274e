// What the queue needs from storage, and nothing more. node/rocks-store.ts satisfies it with RocksDB, memory-store.ts
// with a sorted map; both pass test/contract/ordered-store.ts.

/** A byte string: one UTF-16 unit per byte, each 0..255. Compares like the bytes it stands for; works as a Map key. */
export type Bytes = string;

export interface Row {
  readonly key: Bytes;
  readonly value: Uint8Array;
}

export type Write =
  | { readonly kind: "put"; readonly key: Bytes; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: Bytes }
  /** Deletes from `from` (included) to `to` (excluded). */
  | { readonly kind: "delete-range"; readonly from: Bytes; readonly to: Bytes };

export interface RangeOptions {
  /** Rows at most; default: no limit. */
  readonly limit?: number;
  /** Descending order; default false. */
  readonly reverse?: boolean;
}

/** Reads see one moment: a plain store the latest write, a snapshot the moment at which it was taken. */
export interface OrderedReader {
  getMany(keys: readonly Bytes[]): Promise<(Uint8Array | undefined)[]>;
  /** Rows from `from` (included) to `to` (excluded) in byte order, handed out in batches so that memory stays bounded. */
  range(from: Bytes, to: Bytes, options?: RangeOptions): AsyncIterable<readonly Row[]>;
}

export interface StoreSnapshot extends OrderedReader {
  close(): Promise<void>;
}

export interface OrderedStore extends OrderedReader {
  /** All or nothing, in order: what a later open finds are the first so many of them. Survives by flush only. Any error is fatal (F2). */
  write(writes: readonly Write[]): Promise<void>;
  snapshot(): StoreSnapshot;
  /** Everything written before this call survives the end of the process and the loss of power when it returns. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

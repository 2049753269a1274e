// The part of rocksdb-native 3.18.1 that rocks-store.ts uses; the package ships no types.

declare module "rocksdb-native" {
  interface BatchOptions {
    /** Operations for which room is made at once; it grows if there are more. Default 8. */
    readonly capacity?: number;
    /** Frees the batch when it has been carried out. Default false. */
    readonly autoDestroy?: boolean;
  }

  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
  }

  interface ReadBatch {
    get(key: Uint8Array): Promise<Uint8Array | null>;
    tryFlush(): void;
  }

  interface IteratorOptions {
    /** An empty key means no bound. */
    readonly gte?: Uint8Array;
    readonly lt?: Uint8Array;
    readonly reverse?: boolean;
    readonly limit?: number;
    /** Rows fetched in one trip to the thread pool. Default 8. */
    readonly capacity?: number;
  }

  interface IteratorRow {
    readonly key: Buffer;
    readonly value: Buffer;
  }

  /** A streamx Readable. */
  interface RowStream {
    on(event: "data", listener: (row: IteratorRow) => void): void;
    on(event: "error", listener: (error: Error) => void): void;
    on(event: "close", listener: () => void): void;
  }

  interface Options {
    readonly maxBackgroundJobs?: number;
    readonly bytesPerSync?: number;
    readonly maxOpenFiles?: number;
    readonly writeBufferSize?: number;
    readonly maxWriteBufferNumber?: number;
    readonly tableBlockSize?: number;
  }

  class RocksDB {
    constructor(path: string, options?: Options);
    ready(): Promise<void>;
    read(options?: BatchOptions): ReadBatch;
    write(options?: BatchOptions): WriteBatch;
    iterator(range: IteratorOptions): RowStream;
    snapshot(): RocksDB;
    flush(): Promise<void>;
    close(): Promise<void>;
  }

  export default RocksDB;
}

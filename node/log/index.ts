export { DurableLog } from "./durable-log.ts";
export type { DurableLogOptions, OpenedLog, RestoredLog } from "./durable-log.ts";
export type { Disk } from "./disk.ts";
export { NodeDisk } from "./node-disk.ts";
export { CorruptLogError, LogFailedError } from "./errors.ts";

export { DurableLog } from "./durable-log.ts";
export type { DurableLogOptions, OpenedLog, RestoredLog } from "./durable-log.ts";
export type { Disk, DiskFile, OpenMode } from "./disk.ts";
export { NodeDisk } from "./node-disk.ts";
export { CorruptLogError, LogFailedError } from "./errors.ts";
export type { LogCounters } from "./metrics.ts";
export type { Verdict } from "./recovery.ts";
export type { Cut } from "./scan.ts";

// `recover` (recover.ts) on a directory of this machine.

import { pino } from "pino";
import { NodeDisk } from "./log/index.ts";
import { recover, type RecoverOptions, type Survivor } from "./recover.ts";
import { RocksStore } from "./rocks-store.ts";

export function recoverDirectory(
  data: string,
  options: RecoverOptions,
): Promise<{ readonly survivor: Survivor; readonly done: boolean }> {
  // Standard output is for what a person is asked.
  const logger = pino({ level: "silent" });
  return recover({ disk: new NodeDisk(), stores: RocksStore, logger }, data, options);
}

// The door of node/: a server from a configuration.
export { startServer, type RunningServer } from "./server.ts";
export {
  ConfigError,
  environmentName,
  nodeIdMax,
  parseConfig,
  parseMember,
  serverOptions,
  type MemberAddress,
  type RawOptions,
  type ServerConfig,
  type ServerOption,
} from "./config.ts";
export { recoverDirectory } from "./recover-directory.ts";
export { RecoverError, type Survivor } from "./recover.ts";
export { InspectError, inspectLogFile, logFilesOf, type InspectRange } from "./inspect-log.ts";
export type { SegmentEnd } from "./log/inspect.ts";
export type { CommandView, EntryView } from "./log-view.ts";
export { version } from "./version.ts";

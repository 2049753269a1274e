// The door of node/: a server from a configuration.
export { startServer, type RunningServer } from "./server.ts";
export { ConfigError, parseConfig, parseMember, type RawOptions } from "./config.ts";
export {
  environmentName,
  nodeIdMax,
  serverOptions,
  type MemberAddress,
  type ServerConfig,
  type ServerOption,
} from "./server-options.ts";
export { recoverDirectory } from "./recover-directory.ts";
export { RecoverError, type Survivor } from "./recover.ts";
export { InspectError, inspectLogFile, logFilesOf, type InspectRange } from "./inspect-log.ts";
export type { SegmentEnd } from "./log/inspect.ts";
export type { CommandView, EntryView } from "./log-view.ts";
export { version } from "./version.ts";

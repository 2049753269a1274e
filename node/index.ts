// The door of node/: a server from a configuration.
export { startServer, type RunningServer } from "./server.ts";
export {
  ConfigError,
  environmentName,
  parseConfig,
  serverOptions,
  type MemberAddress,
  type RawOptions,
  type ServerConfig,
  type ServerOption,
} from "./config.ts";
export { version } from "./version.ts";

// The configuration of a server, read from its flags, its environment and a file, by the table of its options.

import { readFileSync } from "node:fs";
import { isAddress } from "./introduction.ts";
import {
  environmentName,
  nodeIdMax,
  serverOptions,
  type MemberAddress,
  type ServerConfig,
  type ServerOption,
} from "./server-options.ts";

/** A wrong configuration: which option, what was given, what was expected. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly option: string;

  constructor(option: string, message: string) {
    super(`${option}: ${message}`);
    this.option = option;
  }
}

/** Raw values by flag name (without dashes). Members may be a list or one comma-separated string. */
export type RawOptions = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/**
 * Flags win over the environment, the environment over the file (JSON, keyed by flag name, named by `config`), the file over
 * the defaults.
 * @throws {ConfigError} naming the option, what was given and what was expected.
 */
export function parseConfig(flags: RawOptions, environment: NodeJS.ProcessEnv): ServerConfig {
  const file = readFile(flags["config"] ?? environment["RAFTQ_CONFIG"]);
  const known = new Set(Object.values(serverOptions).map((option) => option.flag));
  for (const name of Object.keys(file)) {
    if (!known.has(name))
      throw new ConfigError(
        name,
        `the configuration file has no such option; known: ${[...known].join(", ")}`,
      );
  }
  const values: Record<string, unknown> = {};
  for (const [field, option] of Object.entries(serverOptions)) {
    const raw = flags[option.flag] ?? environment[environmentName(option)] ?? file[option.flag];
    values[field] = parseOption(option, raw);
  }
  const config = values as unknown as ServerConfig;
  validate(config);
  return config;
}

function readFile(path: unknown): RawOptions {
  if (path === undefined) return {};
  if (typeof path !== "string") throw new ConfigError("config", "expected the path of a JSON file");
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw new Error("expected a JSON object");
    return parsed as RawOptions;
  } catch (error) {
    throw new ConfigError(
      "config",
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function parseOption(option: ServerOption, raw: RawOptions[string]): unknown {
  switch (option.kind) {
    case "members":
      return parseMembers(raw);
    case "flag":
      if (raw === undefined || raw === false || raw === "false") return false;
      if (raw === true || raw === "true") return true;
      throw new ConfigError(option.flag, `is ${String(raw)}; expected true or false`);
    case "text": {
      const value = raw ?? option.default;
      if (value === undefined) throw new ConfigError(option.flag, `is required. ${option.help}`);
      if (typeof value !== "string" || value === "")
        throw new ConfigError(option.flag, "expected a text");
      if (option.choices?.includes(value) === false) {
        throw new ConfigError(
          option.flag,
          `is ${value}; expected one of ${option.choices.join(", ")}`,
        );
      }
      return value;
    }
    case "number": {
      const value = raw ?? option.default;
      if (value === undefined) throw new ConfigError(option.flag, `is required. ${option.help}`);
      const number = typeof value === "number" ? value : Number(value);
      if (!Number.isInteger(number) || number < option.min || number > option.max) {
        throw new ConfigError(
          option.flag,
          `is ${String(value)}; expected a whole number from ${option.min} to ${option.max}${option.unit && ` (${option.unit})`}`,
        );
      }
      return number;
    }
  }
}

function parseMembers(raw: RawOptions[string]): readonly MemberAddress[] {
  if (raw === undefined) return [];
  const list = typeof raw === "string" ? raw.split(",") : raw;
  if (typeof list !== "object") throw new ConfigError("member", `is ${String(raw)}; ${memberForm}`);
  return list.map((text) => {
    const member = parseMember(text.trim());
    if (member === undefined) throw new ConfigError("member", `is ${text}; ${memberForm}`);
    return member;
  });
}

const memberForm = "expected ID=PEER_HOST:PORT/CLIENT_HOST:PORT";

/** ID=PEER_HOST:PORT/CLIENT_HOST:PORT; undefined: it is not. */
export function parseMember(text: string): MemberAddress | undefined {
  const match = /^([1-9]\d{0,9})=([^/]+)\/([^/]+)$/.exec(text);
  if (match === null) return undefined;
  const [, id, peer, client] = match;
  if (Number(id) > nodeIdMax || !isAddress(String(peer)) || !isAddress(String(client)))
    return undefined;
  return { id: Number(id), peer: String(peer), client: String(client) };
}

function validate(config: ServerConfig): void {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(config.clusterId)) {
    throw new ConfigError(
      "cluster-id",
      `is ${config.clusterId}; expected 1 to 64 of [A-Za-z0-9._-]`,
    );
  }
  const ids = config.members.map((member) => member.id);
  if (new Set(ids).size !== ids.length)
    throw new ConfigError("member", `the same ID twice in ${ids.join(", ")}`);
  if (!config.join && ids.length > 0 && !ids.includes(config.nodeId))
    throw new ConfigError(
      "member",
      `none has this node's ID ${config.nodeId}; given: ${ids.join(", ")}`,
    );
  if (!config.join && ids.length > 7)
    throw new ConfigError("member", `${ids.length} members; expected 1 to 7`);
  if (config.heartbeatMs * 3 > config.electionMs) {
    throw new ConfigError(
      "heartbeat-ms",
      `is ${config.heartbeatMs}; expected at most a third of election-ms (${config.electionMs})`,
    );
  }
  for (const [flag, value] of [
    ["listen", config.listen],
    ["peer-listen", config.peerListen],
  ] as const) {
    if (!/^.+:\d{1,5}$/.test(value)) throw new ConfigError(flag, `is ${value}; expected host:port`);
  }
}

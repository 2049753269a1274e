// The cluster that a command talks to: where it is, and how long a command waits for it.

import type { Command } from "commander";
import { connect, type Client } from "../client/index.ts";
import { UsageError } from "./failure.ts";

/** What `raftq dev` starts. */
const defaultEndpoints = "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420";

export interface Remote {
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** The options that every command accepts, before or after its name. */
export function addRemoteOptions(program: Command): void {
  program
    .option(
      "--endpoints <host:port,…>",
      `members of the cluster (env RAFTQ_ENDPOINTS; default ${defaultEndpoints})`,
    )
    .option("--timeout-ms <ms>", "how long to wait for an answer", "5000")
    .option("--json", "print JSON, for scripts", false);
}

export function remoteOf(command: Command): Remote {
  const options = command.optsWithGlobals<{
    endpoints?: string;
    timeoutMs: string;
    json: boolean;
  }>();
  return {
    endpoints: parseEndpoints(
      options.endpoints ?? process.env["RAFTQ_ENDPOINTS"] ?? defaultEndpoints,
    ),
    timeoutMs: wholeNumber("--timeout-ms", options.timeoutMs, 100, 3_600_000),
    json: options.json,
  };
}

/** @throws {UsageError} naming the endpoint that is not host:port. */
export function parseEndpoints(text: string): readonly string[] {
  const endpoints = text
    .split(",")
    .map((endpoint) => endpoint.trim())
    .filter((endpoint) => endpoint !== "");
  if (endpoints.length === 0) throw new UsageError("--endpoints: is empty; expected host:port,…");
  for (const endpoint of endpoints) {
    const port = Number(/^\S+:(\d{1,5})$/.exec(endpoint)?.[1]);
    if (!(port >= 1 && port <= 65_535)) {
      throw new UsageError(`--endpoints: ${endpoint} is not host:port`);
    }
  }
  return endpoints;
}

/** @throws {UsageError} naming the option, what was given and what was expected. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || value < min || value > max) {
    throw new UsageError(`${option}: is ${text}; expected a whole number from ${min} to ${max}`);
  }
  return value;
}

/** Runs `work` with a connected client and closes it whatever happens. Each call has --timeout-ms to be answered. */
export async function withClient<T>(
  remote: Remote,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { endpoints, timeoutMs } = remote;
  const client = await connect({ endpoints, timeoutMs, name: "raftq-cli" });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

// What a test can say about its cluster, with defaults and limits.

import { integer } from "../client/options.ts";
import { invalid } from "../client/errors.ts";
import { calm, type Weather } from "./network.ts";

export interface TestClusterOptions {
  /** 1 to 7; default 3. */
  readonly nodes?: number | undefined;
  /** All chance comes from it: equal seeds do equal things. 0 to 4,294,967,295; default 1. */
  readonly seed?: number | undefined;
  /** Of all connections; default: half a millisecond to one, nothing is lost. */
  readonly network?: Partial<Weather> | undefined;
  /**
   * Real milliseconds for which virtual time stands still for a handler that waits for something outside of the cluster, such as
   * a database. After that it is taken for one that waits for the test, or hangs. 0 to 600,000; default 200.
   */
  readonly patienceMs?: number | undefined;
}

export interface Limits {
  /** Virtual milliseconds until it fails: 1 to 2,147,483,647; default 60,000. */
  readonly withinMs?: number | undefined;
}

export interface TestSettings {
  readonly nodes: number;
  readonly seed: number;
  readonly network: Weather;
  readonly patienceMs: number;
}

/** @throws {QueueError} MALFORMED */
export function checkOptions(options: TestClusterOptions): TestSettings {
  return {
    nodes: integer("nodes", options.nodes ?? 3, 1, 7),
    seed: integer("seed", options.seed ?? 1, 0, 2 ** 32 - 1),
    network: checkWeather({ ...calm, ...options.network }),
    patienceMs: integer("patienceMs", options.patienceMs ?? 200, 0, 600_000),
  };
}

/** @throws {QueueError} MALFORMED */
export function checkMs(field: string, ms: number): number {
  return integer(field, ms, 1, 2 ** 31 - 1);
}

function checkWeather(weather: Weather): Weather {
  for (const field of ["delayMs", "jitterMs"] as const)
    within(`network.${field}`, weather[field], 60_000);
  for (const field of ["loss", "duplication", "reordering"] as const)
    within(`network.${field}`, weather[field], 1);
  return weather;
}

function within(field: string, value: number, max: number): void {
  if (!(value >= 0 && value <= max))
    throw invalid(field, `${field} is ${value}; expected a number from 0 to ${max}`);
}

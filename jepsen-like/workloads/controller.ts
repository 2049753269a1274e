// The controller's own calls, in the history as process "crew". Its clients live for one phase each: between the first and the last
// phase the members of the cluster may have changed.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { connect, QueueError, type Client } from "../../client/index.ts";
import { HistoryWriter } from "../history/writer.ts";
import { Calls, type Counts, type Shared } from "./calls.ts";
import { pause } from "./pacing.ts";

const name = "crew";
const timeoutMs = 5_000;
const connectAgainMs = 200;

export class Controller {
  readonly file: string;
  readonly counts: Counts = { ok: 0, fail: 0, unknown: 0 };
  readonly #endpoints: () => readonly string[];
  readonly #shared: Shared;
  #ended = false;

  constructor(
    directory: string,
    endpoints: () => readonly string[],
    complain: (what: string) => void,
  ) {
    mkdirSync(directory, { recursive: true });
    this.file = join(directory, `${name}.jsonl`);
    this.#endpoints = endpoints;
    const writer = new HistoryWriter(this.file, name);
    this.#shared = { writer, counts: this.counts, bodies: 0, complain };
    writer.note("started", { timeoutMs, pid: process.pid });
  }

  /** What `work` says is missing, or that nobody could be reached before `ends`. */
  async with(ends: AbortSignal, work: (calls: Calls) => Promise<string[]>): Promise<string[]> {
    const client = await this.#connected(ends);
    if (client === undefined) return ["no leader could be reached"];
    try {
      return await work(new Calls(client, this.#shared));
    } finally {
      await client.close();
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#shared.writer.note("ended", { how: "closed" });
    this.#shared.writer.close();
  }

  async #connected(ends: AbortSignal): Promise<Client | undefined> {
    while (!ends.aborted) {
      try {
        return await connect({ endpoints: this.#endpoints(), name, timeoutMs, signal: ends });
      } catch (error) {
        if (!(error instanceof QueueError)) throw error;
        await pause(connectAgainMs, ends);
      }
    }
    return undefined;
  }
}

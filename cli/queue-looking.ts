// `raftq queue peek | message | history | keys`: what is in a queue, without taking anything.

import type { Command } from "commander";
import { bytesCodec, type KeyInfo, type Page } from "../client/index.ts";
import { historyTable, keyTable, messageJson, messageLine, messageSheet } from "./message-view.ts";
import { print } from "./output.ts";
import { oneOf } from "./queue-options.ts";
import { remoteOf, wholeNumber, withClient } from "./remote.ts";

const pageMax = 1_000;

export function addLookingCommands(queue: Command): void {
  addPeek(queue);
  addMessage(queue);
  addHistory(queue);
  addKeys(queue);
}

function addPeek(queue: Command): void {
  const peek = queue
    .command("peek")
    .argument("<name>")
    .description("messages as they lie in the queue, by key; takes and leases nothing")
    .option("--key <key>", "only of this key")
    .option("--max <n>", "how many", "10");
  peek.action(async (name: string, flags: { readonly key?: string; readonly max: string }) => {
    const remote = remoteOf(peek);
    const max = wholeNumber("--max", flags.max, 1, 1_000_000);
    await withClient(remote, async (client) => {
      let left = max;
      const { key } = flags;
      for await (const message of client.queue(name, { codec: bytesCodec }).peek({ key })) {
        await print(remote.json ? JSON.stringify(messageJson(message)) : messageLine(message));
        if (--left === 0) break;
      }
      if (left === max && !remote.json) process.stderr.write("nothing is there\n");
    });
  });
}

function addMessage(queue: Command): void {
  const message = queue
    .command("message")
    .argument("<message-id>", "as enqueue, receive and peek print it")
    .description("one message that is not settled: its state, its failures, its content");
  message.action(async (id: string) => {
    const remote = remoteOf(message);
    await withClient(remote, async (client) => {
      const found = await client.getMessage(id);
      await print(remote.json ? JSON.stringify(messageJson(found)) : messageSheet(found));
    });
  });
}

function addHistory(queue: Command): void {
  const history = queue
    .command("history")
    .argument("<message-id>")
    .description("what happened to a message, also after it was settled; see --history-ms");
  history.action(async (id: string) => {
    const remote = remoteOf(history);
    await withClient(remote, async (client) => {
      const events = await client.history(id);
      await print(remote.json ? JSON.stringify(events) : historyTable(events));
    });
  });
}

interface KeysFlags {
  readonly state?: string;
  readonly paused: boolean;
  readonly byBacklog: boolean;
  readonly max: string;
}

function addKeys(queue: Command): void {
  const keys = queue
    .command("keys")
    .argument("<name>")
    .description("the keys that have messages or are paused")
    .option(
      "--state <state>",
      "only with a message that is ready, delayed, leased, retrying, parked",
    )
    .option("--paused", "only paused keys", false)
    .option("--by-backlog", "those with most messages first; default: by name", false)
    .option("--max <n>", "how many", "100");
  keys.action(async (name: string, flags: KeysFlags) => {
    const remote = remoteOf(keys);
    const max = wholeNumber("--max", flags.max, 1, 1_000_000);
    const state = oneOf("--state", flags.state, {
      ready: "READY",
      delayed: "DELAYED",
      leased: "LEASED",
      retrying: "RETRYING",
      parked: "PARKED",
    });
    const { paused, byBacklog } = flags;
    await withClient(remote, async (client) => {
      const found = await firstItems(max, (size, after) =>
        client.queue(name).keysPage({ state, paused, byBacklog, max: size, after }),
      );
      await print(remote.json ? JSON.stringify(found) : keyTable(found));
    });
  });
}

async function firstItems(
  max: number,
  page: (size: number, after: string) => Promise<Page<KeyInfo>>,
): Promise<KeyInfo[]> {
  const found: KeyInfo[] = [];
  for (let after = ""; ;) {
    const { items, next } = await page(Math.min(pageMax, max - found.length), after);
    found.push(...items);
    if (next === "" || found.length >= max) return found;
    after = next;
  }
}

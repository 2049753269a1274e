// `raftq queue resolve | redrive | cancel | purge | pause | resume`: what a person decides.

import type { Command } from "commander";
import { bytesCodec, type ParkedAction, type Redriven } from "../client/index.ts";
import { confirm } from "./confirm.ts";
import { UsageError } from "./failure.ts";
import { grouped, print } from "./output.ts";
import { defined, oneOf, optionalNumber } from "./queue-options.ts";
import { remoteOf, withClient, type Remote } from "./remote.ts";

export function addDecidingCommands(queue: Command): void {
  addResolve(queue);
  addRedrive(queue);
  addCancel(queue);
  addPurge(queue);
  addPause(queue, "pause", "take messages and deliver none, of the queue or of one key");
  addPause(queue, "resume", "deliver again");
}

interface ResolveFlags {
  readonly retry: boolean;
  readonly skip?: string | true;
  readonly replace?: string;
  readonly keySeq?: string;
}

function addResolve(queue: Command): void {
  const resolve = queue
    .command("resolve")
    .argument("<name>")
    .argument("<key>")
    .description("decide about a parked message: exactly one of --retry, --skip, --replace")
    .option("--retry", "deliver it again; its attempts begin anew", false)
    .option("--skip [reason]", "to the dead-letter queue if there is one; otherwise it is gone")
    .option("--replace <body>", "another body at the same place; its attempts begin anew")
    .option("--key-seq <n>", "which one; default: the first parked message of the key");
  resolve.action(async (name: string, key: string, flags: ResolveFlags) => {
    const remote = remoteOf(resolve);
    const action = parkedAction(flags);
    const keySeq = optionalNumber("--key-seq", flags.keySeq, 1, Number.MAX_SAFE_INTEGER);
    await withClient(remote, async (client) => {
      const target = client.queue(name, { codec: bytesCodec });
      const resolved = await target.resolveParked(key, { action, keySeq });
      await print(
        remote.json
          ? JSON.stringify({ queue: name, key, keySeq: resolved })
          : `${name} ${key}: message ${resolved} ${doneBy(action)}`,
      );
    });
  });
}

/** @throws {UsageError} unless exactly one is given */
export function parkedAction(flags: ResolveFlags): ParkedAction<Uint8Array> {
  const { retry, skip, replace } = flags;
  const count = [retry, skip !== undefined, replace !== undefined].filter(Boolean).length;
  if (count !== 1) throw new UsageError("give exactly one of --retry, --skip, --replace");
  if (replace !== undefined) return { replace: Buffer.from(replace) };
  if (skip !== undefined) return skip === true ? "skip" : { skip };
  return "retry";
}

function doneBy(action: ParkedAction<Uint8Array>): string {
  if (action === "retry") return "is tried again";
  return typeof action === "object" && "replace" in action ? "is replaced" : "is skipped";
}

interface RedriveFlags {
  readonly from?: string;
  readonly key?: string;
  readonly cause?: string;
  readonly error?: string;
  readonly rate?: string;
  readonly dryRun: boolean;
  readonly force: boolean;
}

function addRedrive(queue: Command): void {
  const redrive = queue
    .command("redrive")
    .argument("<name>", "the dead-letter queue")
    .description("put dead letters back where they came from, at their old places")
    .option("--from <queue>", "only those that come from this queue")
    .option("--key <key>", "only of this key")
    .option("--cause <cause>", "exhausted, rejected, expired or skipped")
    .option("--error <text>", "only if the error's text contains this")
    .option("--rate <n>", "so many a second; default: as fast as it goes")
    .option("--dry-run", "only count", false)
    .option("--force", "also where a later message of the key is settled already", false);
  redrive.action(async (name: string, flags: RedriveFlags) => {
    const remote = remoteOf(redrive);
    const filter = redriveFilter(flags);
    const ratePerSecond = optionalNumber("--rate", flags.rate, 1, 100_000);
    const { dryRun, force } = flags;
    await withClient(remote, async (client) => {
      const onProgress = progressOf(remote);
      const options = { filter, ratePerSecond, dryRun, force, onProgress };
      const sum = await client.queue(name).redrive(options);
      if (!remote.json && process.stderr.isTTY) process.stderr.write("\r\u001b[K");
      await print(remote.json ? JSON.stringify({ ...sum, dryRun }) : redriven(sum, dryRun));
    });
  });
}

function redriveFilter(flags: RedriveFlags): object {
  return defined({
    queue: flags.from,
    key: flags.key,
    error: flags.error,
    cause: oneOf("--cause", flags.cause, {
      exhausted: "EXHAUSTED",
      rejected: "REJECTED",
      expired: "EXPIRED",
      skipped: "SKIPPED",
    }),
  });
}

export function redriven({ moved, refused, gone }: Redriven, dryRun: boolean): string {
  const lines = [`${grouped(moved)} ${dryRun ? "would be put back" : "put back"}`];
  if (refused > 0) {
    lines.push(
      `${grouped(refused)} refused: a later message of the key is settled already (--force)`,
    );
  }
  if (gone > 0) {
    lines.push(`${grouped(gone)} left: leased, settled meanwhile, or their queue is gone`);
  }
  return lines.join("\n");
}

/** On standard error, for a person at a terminal. */
function progressOf({ json }: Remote): (sofar: Redriven) => void {
  return ({ moved }) => {
    if (json || !process.stderr.isTTY) return;
    process.stderr.write(`\r\u001b[K${grouped(moved)} put back`);
  };
}

function addCancel(queue: Command): void {
  const cancel = queue
    .command("cancel")
    .argument("<message-id>", "as enqueue, receive and peek print it")
    .description("take out one message that nobody holds");
  cancel.action(async (id: string) => {
    const remote = remoteOf(cancel);
    await withClient(remote, async (client) => {
      await client.cancel(id);
      await print(remote.json ? JSON.stringify({ cancelled: id }) : `${id}: cancelled`);
    });
  });
}

interface PurgeFlags {
  readonly key?: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

function addPurge(queue: Command): void {
  const purge = queue
    .command("purge")
    .argument("<name>")
    .description("take out everything that nobody holds")
    .option("--key <key>", "only of this key")
    .option("--dry-run", "only count", false)
    .option("--yes", "do not ask", false);
  purge.action(async (name: string, { key, dryRun, yes }: PurgeFlags) => {
    const remote = remoteOf(purge);
    await withClient(remote, async (client) => {
      const target = client.queue(name);
      if (!dryRun && !yes) {
        const { messages, keys } = await target.purge({ key, dryRun: true });
        const what = amount({ messages, keys });
        await confirm({
          question: `Take ${what} out of ${name}?`,
          unattended: `${name} would lose ${what}: add --yes to purge it`,
          word: name,
        });
      }
      const { messages, keys } = await target.purge({ key, dryRun });
      await print(
        remote.json
          ? JSON.stringify({ queue: name, messages, keys, dryRun })
          : `${name}: ${amount({ messages, keys })} ${dryRun ? "would be" : messages === 1 ? "was" : "were"} taken out`,
      );
    });
  });
}

function addPause(queue: Command, verb: "pause" | "resume", description: string): void {
  const command = queue
    .command(verb)
    .argument("<name>")
    .description(description)
    .option("--key <key>", "only this key");
  command.action(async (name: string, { key }: { readonly key?: string }) => {
    const remote = remoteOf(command);
    await withClient(remote, async (client) => {
      const target = client.queue(name);
      if (key === undefined) await (verb === "pause" ? target.pause() : target.resume());
      else await (verb === "pause" ? target.pauseKey(key) : target.resumeKey(key));
      const what = key === undefined ? name : `${name} ${key}`;
      await print(
        remote.json
          ? JSON.stringify({ queue: name, ...defined({ key }), paused: verb === "pause" })
          : `${what}: ${verb}d`,
      );
    });
  });
}

function amount({ messages, keys }: { readonly messages: number; readonly keys: number }): string {
  const some = (count: number, one: string): string =>
    `${grouped(count)} ${one}${count === 1 ? "" : "s"}`;
  return `${some(messages, "message")} of ${some(keys, "key")}`;
}

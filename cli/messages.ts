// `raftq enqueue` and `raftq receive`: messages by hand and by shell script.

import { createReadStream, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import {
  bytesCodec,
  type Client,
  type Delivery,
  type EnqueueOptions,
  type Queue,
} from "../client/index.ts";
import { CommandError, UsageError } from "./failure.ts";
import { bodyFields, shownBody } from "./message-view.ts";
import { grouped, print } from "./output.ts";
import { collect, optionalNumber, pairs } from "./queue-options.ts";
import { remoteOf, wholeNumber, withClient, type Remote } from "./remote.ts";

/** Lines on their way at once: enough to fill the cluster's batches, and a bound on memory for an endless input. */
const outstandingMax = 1_000;

interface EnqueueFlags {
  readonly key?: string;
  readonly keyFromJson?: string;
  readonly header?: readonly string[];
  readonly file?: string;
  readonly lines: boolean;
  readonly dedupId?: string;
  readonly expectKeySeq?: string;
  readonly delayMs?: string;
  readonly ttlMs?: string;
  readonly priority?: string;
}

export function addMessageCommands(program: Command): void {
  const enqueue = program
    .command("enqueue")
    .argument("<queue>", "or a topic: to all of its subscriptions")
    .argument("[body]", "the message; without it, --file or standard input")
    .description("put a message, or one per line, at the tail of its key")
    .option("--key <key>", "the ordering key")
    .option("--key-from-json <field>", "take the key from this field of the (JSON) message")
    .option("--header <name=value>", "repeatable", collect)
    .option("--file <path>", "read from a file; - is standard input")
    .option("--lines", "each line is one message", false)
    .option("--dedup-id <id>", "the same again within the queue's window is stored once")
    .option("--expect-key-seq <n>", "only if the message gets this place in its key")
    .option("--delay-ms <ms>", "deliver it after so long")
    .option("--ttl-ms <ms>", "it expires after so long")
    .option("--priority <n>", "0 (default) to 9, with ordering none");
  enqueue.action(async (queue: string, body: string | undefined, flags: EnqueueFlags) => {
    checkEnqueue(body, flags);
    await runEnqueue(remoteOf(enqueue), queue, body, flags);
  });

  const receive = program
    .command("receive")
    .argument("<queue>")
    .description("lease messages and print them; without --ack they are released again")
    .option("--max <n>", "how many; with --follow: no limit", "1")
    .option("--key <key>", "only of this key; repeatable, at most 100", collect)
    .option("--wait-ms <ms>", "how long to wait for the first one", "0")
    .option("--ack", "settle each message once it is printed: it leaves the queue", false)
    .option("--follow", "go on until interrupted; needs --ack", false);
  receive.action(async (queue: string, flags: ReceiveFlags) => {
    if (flags.follow && !flags.ack) {
      throw new UsageError(
        "--follow: needs --ack; a message that is released comes again, for ever",
      );
    }
    await runReceive(remoteOf(receive), queue, flags);
  });
}

/** @throws {UsageError} for flags that exclude each other. */
export function checkEnqueue(body: string | undefined, flags: EnqueueFlags): void {
  if (body !== undefined && flags.file !== undefined) {
    throw new UsageError("--file: cannot be given together with a body");
  }
  if (body !== undefined && flags.lines) {
    throw new UsageError("--lines: reads --file or standard input, not a body");
  }
  if (flags.key !== undefined && flags.keyFromJson !== undefined) {
    throw new UsageError("--key-from-json: cannot be given together with --key");
  }
  if (flags.lines && (flags.dedupId !== undefined || flags.expectKeySeq !== undefined)) {
    throw new UsageError("--lines: one --dedup-id or --expect-key-seq cannot be that of many");
  }
}

/** @throws {UsageError} naming the flag */
export function producerOptions(
  flags: Pick<EnqueueFlags, "dedupId" | "expectKeySeq" | "delayMs" | "ttlMs" | "priority">,
): EnqueueOptions {
  const yearMs = 366 * 86_400_000;
  const { dedupId, expectKeySeq } = flags;
  return {
    dedupId,
    expectKeySeq: optionalNumber("--expect-key-seq", expectKeySeq, 1, Number.MAX_SAFE_INTEGER),
    delayMs: optionalNumber("--delay-ms", flags.delayMs, 0, yearMs),
    ttlMs: optionalNumber("--ttl-ms", flags.ttlMs, 1, yearMs),
    priority: optionalNumber("--priority", flags.priority, 0, 9),
  };
}

/** The key that a message gets. @throws {CommandError} when the message has no such field. */
export function keyOf(body: string, flags: Pick<EnqueueFlags, "key" | "keyFromJson">): string {
  if (flags.keyFromJson === undefined) return flags.key ?? "";
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw new CommandError("--key-from-json: the message is not JSON", undefined, error);
  }
  const value: unknown =
    typeof parsed === "object" && parsed !== null && Object.hasOwn(parsed, flags.keyFromJson)
      ? (parsed as Record<string, unknown>)[flags.keyFromJson]
      : undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw new CommandError(
      `--key-from-json: the message has no text or number in the field ${flags.keyFromJson}`,
    );
  }
  return String(value);
}

async function runEnqueue(
  remote: Remote,
  name: string,
  body: string | undefined,
  flags: EnqueueFlags,
): Promise<void> {
  const options = { ...producerOptions(flags), headers: pairs("--header", flags.header ?? []) };
  await withClient(remote, async (client) => {
    const queue = client.queue(name, { codec: bytesCodec });
    const send = (bytes: Buffer): Promise<Receipt> =>
      queue.enqueue(bytes, { ...options, key: keyOf(bytes.toString(), flags) });
    if (flags.lines) {
      await enqueueLines(remote, openInput(flags.file), send);
      return;
    }
    const bytes = body === undefined ? await readAll(openInput(flags.file)) : Buffer.from(body);
    await print(receiptLine(remote, await send(bytes)));
  });
}

interface Receipt {
  readonly messageId: string;
  readonly seq: number;
  readonly keySeq: number;
  readonly logIndex: number;
  readonly deduplicated: boolean;
}

function receiptLine(remote: Remote, receipt: Receipt): string {
  const { messageId, seq, keySeq, logIndex, deduplicated } = receipt;
  return remote.json
    ? JSON.stringify({ messageId, seq, keySeq, logIndex, deduplicated })
    : `${messageId}  seq ${seq}  key_seq ${keySeq}${deduplicated ? "  (was there already)" : ""}`;
}

/**
 * Sends without waiting for each answer. The order stays that of the lines all the same: the calls of one client carry
 * sequence numbers of its session and are applied in their order.
 */
async function enqueueLines(
  remote: Remote,
  input: Readable,
  send: (bytes: Buffer) => Promise<Receipt>,
): Promise<void> {
  const failures: Error[] = [];
  let outstanding = 0;
  let confirmed = 0;
  let lineNumber = 0;
  let settled: (() => void) | undefined;
  const below = async (bound: number): Promise<void> => {
    while (outstanding >= bound) await new Promise<void>((resolve) => (settled = resolve));
  };
  const sendOne = async (line: string, at: number): Promise<void> => {
    outstanding++;
    try {
      const receipt = await send(Buffer.from(line));
      confirmed++;
      if (remote.json) await print(receiptLine(remote, receipt));
    } catch (error) {
      failures.push(lineFailure(at, error));
    } finally {
      outstanding--;
      settled?.();
    }
  };
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    lineNumber++;
    if (failures.length > 0) break;
    if (line !== "") void sendOne(line, lineNumber);
    await below(outstandingMax);
  }
  await below(1);
  const [first] = failures;
  if (first !== undefined) {
    process.stderr.write(`${grouped(confirmed)} messages were enqueued before the failure\n`);
    throw first;
  }
  if (!remote.json) await print(`${grouped(confirmed)} messages enqueued`);
}

/** The same error, saying which line it was; its class and exit code stay. */
function lineFailure(lineNumber: number, error: unknown): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  failure.message = `line ${lineNumber}: ${failure.message}`;
  return failure;
}

function openInput(file: string | undefined): Readable {
  if (file === undefined || file === "-") return process.stdin;
  try {
    // Opened at once, so that a wrong path is told before the cluster is asked anything.
    return createReadStream(file, { fd: openSync(file, "r") });
  } catch (error) {
    throw new CommandError(`--file: ${reasonOf(error)}`, undefined, error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function readAll(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

interface ReceiveFlags {
  readonly max: string;
  readonly key?: readonly string[];
  readonly waitMs: string;
  readonly ack: boolean;
  readonly follow: boolean;
}

type Received = Delivery<Uint8Array>;

async function runReceive(remote: Remote, name: string, flags: ReceiveFlags): Promise<void> {
  const maxMessages = wholeNumber("--max", flags.max, 1, 1_000);
  const maxWaitMs = wholeNumber("--wait-ms", flags.waitMs, 0, 60_000);
  await withClient(remote, async (client) => {
    const queue = client.queue(name, { codec: bytesCodec });
    if (flags.follow) {
      await follow(client, queue, remote, flags.key);
      return;
    }
    const deliveries = await queue.receiveBatch({ maxMessages, maxWaitMs, keys: flags.key });
    for (const delivery of deliveries) {
      await print(deliveryLine(remote, delivery));
      await (flags.ack ? delivery.ack() : delivery.release());
    }
    if (deliveries.length === 0 && !remote.json) {
      process.stderr.write("nothing to receive: empty, or its messages are leased or parked\n");
    } else if (!flags.ack) {
      process.stderr.write("released again: they stay in the queue (--ack removes them)\n");
    }
  });
}

/** Prints, then acks: a message whose line was not written is delivered again to somebody else. */
async function follow(
  client: Client,
  queue: Queue<Uint8Array>,
  remote: Remote,
  keys: readonly string[] | undefined,
): Promise<void> {
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  // Found out before waiting for ever for messages of a queue that does not exist.
  await client.getQueue(queue.name);
  for await (const delivery of queue.receive({ credit: 100, keys, signal: stop.signal })) {
    await print(deliveryLine(remote, delivery));
    await delivery.ack();
  }
}

export function deliveryLine(remote: Pick<Remote, "json">, delivery: Received): string {
  const { message, fencingToken } = delivery;
  if (!remote.json) {
    const again = message.deliveries > 1 ? `  (delivery ${message.deliveries})` : "";
    return `${message.messageId}  ${shownBody(delivery.value)}${again}`;
  }
  return JSON.stringify({
    messageId: message.messageId,
    key: message.key,
    keySeq: message.keySeq,
    seq: message.seq,
    fencingToken,
    attempts: message.attempts,
    deliveries: message.deliveries,
    redelivery: message.redelivery,
    headers: message.headers,
    enqueuedAt: message.enqueuedAt,
    ...bodyFields(delivery.value),
  });
}

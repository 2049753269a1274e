// How a queue looks to a person.

import type { QueueInfo } from "../client/index.ts";
import { byteSize, duration, grouped, painter, sheet, table } from "./output.ts";

export function queueTable(
  queues: readonly QueueInfo[],
  none = "no queues; create one with `raftq queue create NAME`",
): string {
  if (queues.length === 0) return none;
  const right = "right" as const;
  return table(
    [
      { title: "queue" },
      { title: "ordering" },
      ...[
        "ready",
        "delayed",
        "leased",
        "retrying",
        "parked",
        "bytes",
        "keys",
        "consumers",
        "acked",
      ].map((title) => ({ title, align: right })),
    ],
    queues.map((info) => [
      info.options.paused ? `${info.name} (paused)` : info.name,
      info.options.ordering.toLowerCase(),
      ...[info.ready, info.delayed, info.leased, info.retrying, info.parked].map(grouped),
      byteSize(info.bytes),
      ...[info.activeKeys, info.consumers, info.acked].map(grouped),
    ]),
    painter(process.stdout, process.env),
  );
}

export function queueSheet(info: QueueInfo): string {
  const { options } = info;
  const redelivered =
    info.redeliveredNack +
    info.redeliveredRelease +
    info.redeliveredLeaseExpired +
    info.redeliveredSessionEnded;
  const labels = Object.entries(options.labels).map(([name, value]) => `${name}=${value}`);
  return sheet(
    [
      ["queue", `${info.name} (id ${info.id}, revision ${info.revision})`],
      ["created", new Date(info.createdAtMs).toISOString()],
      [
        "ordering",
        `${options.ordering.toLowerCase()}, ${options.maxInFlightPerKey} in flight per key`,
      ],
      ["lease", `${grouped(options.leaseMs)} ms`],
      [
        "retry",
        `${grouped(options.retry.initialMs)} ms × ${options.retry.multiplier} up to ${grouped(options.retry.maxMs)} ms`,
      ],
      [
        "exhausted",
        `after ${options.maxAttempts} failures: ${options.onExhausted.toLowerCase().replace("_", "-")}` +
          (options.deadLetterQueue === ""
            ? ""
            : ` (dead letters go to ${options.deadLetterQueue})`),
      ],
      [
        "quota",
        `${limit(options.maxMessages)} messages, ${limit(options.maxBytes)} bytes, ${grouped(options.maxMessageBytes)} bytes a message`,
      ],
      ...perKeyQuota(info),
      ["expiry", expiryOf(info)],
      ["delays", delaysOf(info)],
      ["dedup ids", options.dedupWindowMs === 0 ? "-" : `kept ${duration(options.dedupWindowMs)}`],
      ["history", options.historyMs === 0 ? "-" : `kept ${duration(options.historyMs)}`],
      ...subscriptionOf(info),
      ["paused", options.paused ? "yes" : "no"],
      ["labels", labels.length === 0 ? "-" : labels.join(", ")],
      [
        "messages",
        `${grouped(info.ready)} ready, ${grouped(info.delayed)} delayed, ${grouped(info.leased)} leased, ${grouped(info.retrying)} retrying, ${grouped(info.parked)} parked (${byteSize(info.bytes)})`,
      ],
      [
        "keys",
        `${grouped(info.activeKeys)} with messages, ${grouped(info.parkedKeys)} parked, ${grouped(info.pausedKeys)} paused`,
      ],
      ["consumers", grouped(info.consumers)],
      [
        "totals",
        `${grouped(info.enqueued)} enqueued, ${grouped(info.acked)} acked, ${grouped(info.deadLettered)} dead-lettered, ${grouped(info.discarded)} discarded`,
      ],
      [
        "besides",
        `${grouped(info.expired)} expired, ${grouped(info.cancelled)} cancelled, ${grouped(info.skipped)} skipped, ` +
          `${grouped(info.redriven)} redriven, ${grouped(info.deduplicated)} deduplicated`,
      ],
      [
        "redelivered",
        `${grouped(redelivered)}: ${grouped(info.redeliveredNack)} nack, ${grouped(info.redeliveredRelease)} release, ` +
          `${grouped(info.redeliveredLeaseExpired)} lease expired, ${grouped(info.redeliveredSessionEnded)} session ended`,
      ],
    ],
    painter(process.stdout, process.env),
  );
}

export function depthOf(info: QueueInfo): number {
  return info.ready + info.delayed + info.leased + info.retrying + info.parked;
}

type Row = readonly [name: string, value: string];

function perKeyQuota({ options }: QueueInfo): readonly Row[] {
  const { maxMessagesPerKey, maxBytesPerKey } = options;
  if (maxMessagesPerKey === 0 && maxBytesPerKey === 0) return [];
  return [["per key", `${limit(maxMessagesPerKey)} messages, ${limit(maxBytesPerKey)} bytes`]];
}

function expiryOf({ options }: QueueInfo): string {
  if (options.onExpiry === "REFUSE") return "-";
  const after = options.messageTtlMs === 0 ? "" : `after ${duration(options.messageTtlMs)}, `;
  return `${after}${options.onExpiry.toLowerCase().replace("_", "-")}`;
}

function delaysOf({ options }: QueueInfo): string {
  if (options.ordering === "NONE") return "of single messages";
  return options.orderedDelay === "REJECT" ? "refused" : "the key waits";
}

function subscriptionOf({ subscription, temporary }: QueueInfo): readonly Row[] {
  if (subscription === undefined) return temporary ? [["temporary", "with its session"]] : [];
  const { topic, filter, catchingUpFrom } = subscription;
  const headers = Object.entries(filter.headers);
  const parts = headers.map(([name, value]) => `${name}=${value}`);
  if (filter.keyPrefix !== "") parts.unshift(`key ${filter.keyPrefix}…`);
  return [
    ["topic", topic],
    ["filter", parts.length === 0 ? "everything" : parts.join(", ")],
    ["catching up", catchingUpFrom === 0 ? "no" : `from ${grouped(catchingUpFrom)}`],
  ];
}

function limit(value: number): string {
  return value === 0 ? "any number of" : `at most ${grouped(value)}`;
}

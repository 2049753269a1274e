// How a queue looks to a person.

import type { QueueInfo } from "../client/index.ts";
import { byteSize, grouped, painter, sheet, table } from "./output.ts";

export function queueTable(queues: readonly QueueInfo[]): string {
  if (queues.length === 0) return "no queues; create one with `raftq queue create NAME`";
  const right = "right" as const;
  return table(
    [
      { title: "queue" },
      { title: "ordering" },
      ...["ready", "leased", "retrying", "parked", "bytes", "keys", "consumers", "acked"].map(
        (title) => ({ title, align: right }),
      ),
    ],
    queues.map((info) => [
      info.options.paused ? `${info.name} (paused)` : info.name,
      info.options.ordering.toLowerCase(),
      ...[info.ready, info.leased, info.retrying, info.parked].map(grouped),
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
      ["paused", options.paused ? "yes" : "no"],
      ["labels", labels.length === 0 ? "-" : labels.join(", ")],
      [
        "messages",
        `${grouped(info.ready)} ready, ${grouped(info.leased)} leased, ${grouped(info.retrying)} retrying, ${grouped(info.parked)} parked (${byteSize(info.bytes)})`,
      ],
      ["keys", `${grouped(info.activeKeys)} with messages, ${grouped(info.parkedKeys)} parked`],
      ["consumers", grouped(info.consumers)],
      [
        "totals",
        `${grouped(info.enqueued)} enqueued, ${grouped(info.acked)} acked, ${grouped(info.deadLettered)} dead-lettered, ${grouped(info.discarded)} discarded`,
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

function limit(value: number): string {
  return value === 0 ? "any number of" : `at most ${grouped(value)}`;
}

// What must be true of any queue, by looking from outside only: what clients asked, were told and got. Nothing of the log or of
// the servers is believed here (reliability.md §2.3).
//   B1. What was acknowledged is not delivered again under a later token (Q3, Q12).
//   B2. One message in one place: a body has one number in its key, the one that its producer was told; and nobody gets a
//       message that nobody sent, or that was refused (Q2, Q9).
//   B3. First deliveries of a key come in the order of its numbers, by their tokens (P3, Q5).
//   B4. No token twice for different messages (P5).
//   B5. Nothing is lost: whatever was taken in is counted, as gone for a reason or as still there (P8, Q11).

import type { History, ReadDone } from "./history.ts";
import { Violation } from "./watch.ts";

/** `strict`: queues in which a key has one message under way at a time. @throws {Violation} */
export function checkSums(history: History, strict: ReadonlySet<string>): void {
  checkAcknowledged(history);
  checkBodies(history);
  checkOrder(history, strict);
  checkCounters(history);
}

function place(queue: string, key: string, keySeq: number): string {
  return `${queue}/${key}/${keySeq}`;
}

function checkAcknowledged({ operations, delivered }: History): void {
  const acked = new Map<string, { token: number; to: number }>();
  for (const { call, outcome, to } of operations)
    if (call.kind === "ack" && outcome === "ok")
      acked.set(place(call.queue, call.key, call.keySeq), { token: call.token, to });
  for (const { queue, key, keySeq, token, step, client } of delivered) {
    const end = acked.get(place(queue, key, keySeq));
    if (end !== undefined && step > end.to && token > end.token)
      throw new Violation(
        `B1: ${client} got ${place(queue, key, keySeq)} after it was acknowledged`,
      );
  }
}

function checkBodies({ operations, delivered }: History): void {
  const sent = new Map<string, { queue: string; outcome: string; keySeq: number | undefined }>();
  for (const { call, outcome, keySeqs } of operations) {
    if (call.kind !== "enqueue") continue;
    call.bodies.forEach((body, at) =>
      sent.set(body, { queue: call.queue, outcome, keySeq: keySeqs[at] }),
    );
  }
  const tokens = new Map<number, string>();
  for (const { queue, key, keySeq, token, body, client } of delivered) {
    const known = sent.get(body);
    if (known === undefined || known.outcome === "fail")
      throw new Violation(
        `B2: ${client} got ${body}, which ${known ? "was refused" : "nobody sent"}`,
      );
    if (known.queue === queue && known.keySeq !== undefined && known.keySeq !== keySeq)
      throw new Violation(
        `B2: ${client} got ${body} as number ${keySeq}; its producer was told ${known.keySeq}`,
      );
    const name = `${place(queue, key, keySeq)} ${body}`;
    if ((tokens.get(token) ?? name) !== name)
      throw new Violation(`B4: token ${token} is of ${name} and of ${String(tokens.get(token))}`);
    tokens.set(token, name);
  }
}

function checkOrder({ delivered }: History, strict: ReadonlySet<string>): void {
  const keys = new Map<string, Map<number, number>>();
  for (const { queue, key, keySeq, token } of delivered) {
    if (!strict.has(queue)) continue;
    const name = `${queue}/${key}`;
    const firsts = keys.get(name) ?? new Map<number, number>();
    firsts.set(keySeq, Math.min(firsts.get(keySeq) ?? Infinity, token));
    keys.set(name, firsts);
  }
  for (const [name, firsts] of keys) {
    let before = 0;
    for (const [keySeq, token] of [...firsts].sort(([a], [b]) => a - b)) {
      if (token < before)
        throw new Violation(`B3: P3: ${name}/${keySeq} was delivered before one that came earlier`);
      before = token;
    }
  }
}

const gone = ["acked", "deadLettered", "discarded"] as const;
const there = ["ready", "leased", "retrying", "parked"] as const;

function count(info: ReadDone["info"], fields: readonly string[]): number {
  return fields.reduce((sum, field) => sum + Number(info[field] ?? 0), 0);
}

function checkCounters({ operations, reads }: History): void {
  const last = new Map<string, ReadDone>();
  for (const read of reads) {
    const { info, queue } = read;
    if (count(info, ["enqueued"]) !== count(info, [...gone, ...there]))
      throw new Violation(`B5: ${queue}: what came in is not what went and what is there`);
    if ((last.get(queue)?.index ?? 0) <= read.index) last.set(queue, read);
  }
  for (const [queue, { info, from }] of last) {
    // Dead letters come from other queues; a queue that was deleted begins anew.
    if (queue === "dead" || /^t\d$/.test(queue)) continue;
    const ended = operations.filter(
      ({ call, to }) => call.kind === "enqueue" && call.queue === queue && to < from,
    );
    const messages = ended
      .filter(({ outcome }) => outcome === "ok")
      .reduce((sum, { call }) => sum + (call.kind === "enqueue" ? call.bodies.length : 0), 0);
    if (count(info, ["enqueued"]) < messages)
      throw new Violation(
        `B5: P1: ${queue} has taken in ${count(info, ["enqueued"])} messages, ${messages} were acknowledged`,
      );
  }
}

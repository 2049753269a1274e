// What happens in histories, by name and number: histories in which something never happens say nothing about it.

import type { Enqueued, Refusal, Reply } from "../../../queue/index.ts";
import type { Outcome, Replica } from "../harness.ts";
import { subscriptions } from "./queues.ts";

export class Outcomes {
  readonly seen = new Map<string, number>();

  private count(what: string, times = 1): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + times);
  }

  entry({ answers, effects }: Outcome, { machine }: Replica): void {
    for (const name of Object.keys(subscriptions)) {
      const from = machine.queueInfo(name)?.subscription?.catchingUpFrom ?? 0;
      if (from > 0) this.count("catching up");
    }
    for (const grant of effects.grants) this.count(`grant ${grant.redelivery}`);
    for (const { kind } of effects.events) this.count(`event ${kind}`);
    this.count("session ended", effects.endedSessions.length);
    for (const { answer } of effects.completions) this.count(`late ${answer.reply.kind}`);
    for (const answer of answers) this.reply(answer?.reply);
  }

  private reply(reply: Reply | undefined): void {
    if (reply?.kind === "refused") this.count(reply.refusal.reason);
    else if (reply?.kind === "settled") this.count(reply.already ? "settled already" : "settled");
    else if (reply?.kind === "enqueued") this.item(reply.message);
    else if (reply?.kind === "purged") this.count("purged", reply.messages);
    else if (reply?.kind === "committed") this.count("committed", reply.messages.length);
    else if (reply?.kind === "items-enqueued") for (const item of reply.items) this.item(item);
    else if (reply?.kind === "redriven") {
      this.count("letters back", reply.moved);
      this.count("letters refused", reply.refused);
      this.count("letters gone", reply.gone);
    } else this.count(`reply ${reply?.kind}`);
  }

  private item(item: Enqueued | Refusal): void {
    if ("reason" in item) this.count(`item ${item.reason}`);
    else this.count(item.deduplicated === true ? "deduplicated" : "enqueued");
  }

  /** What the queues look like in the end. */
  end({ machine }: Replica): void {
    for (const queue of machine.listQueues()) {
      this.count("dead-lettered", queue.deadLettered);
      this.count("discarded", queue.discarded);
      this.count("expired", queue.expired);
      this.count("cancelled", queue.cancelled);
      this.count("skipped", queue.skipped);
      this.count("redriven", queue.redriven);
      this.count("parked", queue.parked);
      this.count("retrying", queue.retrying);
      this.count("delayed", queue.delayed);
      this.count("paused keys", queue.pausedKeys);
      this.count("temporary", queue.owner);
    }
    for (const topic of machine.listTopics()) {
      this.count("published", topic.last);
      this.count("let go by a topic", topic.first - 1);
      this.count("retained", topic.last + 1 - topic.first);
    }
  }
}

export const wanted: readonly string[] = [
  ...["grant ", "grant nack", "grant release", "grant lease-expired", "grant session-ended"],
  ...["session ended", "late received", "late refused", "settled", "settled already"],
  ...["enqueued", "deduplicated", "committed", "event parked", "letters back", "letters refused"],
  ...["letters gone", "purged", "dead-lettered", "discarded", "expired", "cancelled", "skipped"],
  ...["redriven", "parked", "retrying", "delayed", "paused keys", "temporary", "catching up"],
  ...["published", "let go by a topic", "retained"],
  ...["reply received", "reply batch-enqueued", "reply resolved", "reply topic", "reply queue"],
  ...["reply session-opened", "reply done", "reply undefined"],
  ...["STALE_LEASE", "QUEUE_NOT_FOUND", "MESSAGE_NOT_FOUND", "SESSION_EXPIRED", "QUEUE_DIFFERS"],
  ...["QUEUE_NOT_EMPTY", "QUEUE_FULL", "SEQUENCE_GAP", "KEY_REQUIRED", "TOO_LARGE", "MALFORMED"],
  ...["MESSAGE_LEASED", "CONDITION_FAILED", "KEY_SEQ_MISMATCH", "IDEMPOTENCY_CONFLICT"],
  ...["DELAY_NOT_ALLOWED", "TOPIC_NOT_FOUND", "TOPIC_IN_USE"],
  ...["item QUEUE_FULL", "item IDEMPOTENCY_CONFLICT", "item KEY_SEQ_MISMATCH", "item MALFORMED"],
];

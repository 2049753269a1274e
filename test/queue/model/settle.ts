// Ack, Nack, Release, Reject, Extend: only the newest token of a leased message counts (P5).

import type { Answer, Command, LeaseRef, Settlement } from "../../../queue/index.ts";
import { become, comeBack, exhaust, expire, find, placeOf, settle } from "./messages.ts";
import { tell } from "./story.ts";
import { ceil16, type Message, type Queue, type World } from "./world.ts";

/** The message that this lease is the newest of; otherwise why it settles nothing. */
export function leased(
  world: World,
  lease: LeaseRef,
): { readonly queue: Queue; readonly message: Message } | string {
  const queue = world.queues.get(lease.queue);
  if (queue === undefined) return "QUEUE_NOT_FOUND";
  const place = placeOf(queue, lease.lane, lease.keySeq);
  const lane = queue.lanes.get(place.lane);
  if (lane === undefined || place.number < 1 || place.number > lane.count) {
    return "MESSAGE_NOT_FOUND";
  }
  const message = find(queue, lease.lane, lease.keySeq);
  if (message?.state === "leased" && message.token === lease.token) return { queue, message };
  return "STALE_LEASE";
}

export function settleCommand(
  world: World,
  command: Command & { kind: "settle" },
  answer: Answer | undefined,
): void {
  const { lease, settlement } = command;
  const there = leased(world, lease);
  const reply = answer?.reply;
  if (typeof there !== "string") {
    world.expect(reply?.kind === "settled" && !reply.already, `settle: ${JSON.stringify(reply)}`);
    settleLease(world, there.queue, there.message, settlement);
  } else if (there !== "STALE_LEASE") {
    world.refused(answer, there, "settle");
  } else if (reply?.kind === "settled") {
    const done = didSettle(world, lease, settlement.kind) !== "no";
    world.expect(reply.already && done, "settled already, but not by this lease");
  } else {
    world.expect(didSettle(world, lease, settlement.kind) !== "last", "not settled already");
    stale(world, lease, answer);
  }
}

/** Whether this very lease settled its message so; the last one of its lane must be remembered. */
function didSettle(world: World, lease: LeaseRef, kind: string): "last" | "once" | "no" {
  const queue = world.queues.get(lease.queue);
  if (queue === undefined) return "no";
  const place = placeOf(queue, lease.lane, lease.keySeq);
  const lane = queue.lanes.get(place.lane);
  const settled = lane?.settled.get(place.number);
  if (settled?.token !== lease.token || settled.by !== kind) return "no";
  return lane?.lastSettled === place.number ? "last" : "once";
}

/** STALE_LEASE says how the message is. */
function stale(world: World, lease: LeaseRef, answer: Answer | undefined): void {
  const queue = world.queues.get(lease.queue);
  const message = find(queue, lease.lane, lease.keySeq);
  const present = message?.state ?? "settled";
  world.refused(answer, "STALE_LEASE", `P5: settle of a message that is ${present}`);
  const reply = answer?.reply;
  if (reply?.kind !== "refused") return;
  const { currentToken, state } = reply.refusal;
  const right = present === "delayed" ? "READY" : present.toUpperCase();
  world.expect(state === right, `STALE_LEASE says ${state}, not ${right}`);
  world.expect(currentToken === (message?.token ?? 0), `STALE_LEASE says token ${currentToken}`);
}

/** Whether the message leaves its lane by this. */
export function leaves(queue: Queue, message: Message, settlement: Settlement): boolean {
  const { maxAttempts, onExhausted } = queue.options;
  if (settlement.kind === "ack") return true;
  const failed =
    settlement.kind === "reject" ||
    (settlement.kind === "nack" && message.attempts + 1 >= maxAttempts);
  if (failed) return onExhausted !== "park";
  return message.overdue && settlement.kind !== "extend";
}

/** Of one that leaves, and is not acked: whether it goes to the dead-letter queue. */
export function becomesLetter(queue: Queue, message: Message, settlement: Settlement): boolean {
  const { maxAttempts, onExhausted, onExpiry } = queue.options;
  const failed =
    settlement.kind === "reject" ||
    (settlement.kind === "nack" && message.attempts + 1 >= maxAttempts);
  return (failed ? onExhausted : onExpiry) === "dead-letter";
}

/** The lease is the newest: this happens. */
export function settleLease(
  world: World,
  queue: Queue,
  message: Message,
  settlement: Settlement,
): void {
  const lease = { ...message };
  switch (settlement.kind) {
    case "extend":
      if (settlement.leaseMs > 0) message.leaseMs = settlement.leaseMs;
      message.deadline = ceil16(world.clock + message.leaseMs);
      return;
    case "ack":
      queue.count.acked++;
      tell(world, queue, message, "acked", lease);
      settle(world, queue, message, "ack");
      return;
    case "release":
      tell(world, queue, message, "released", lease);
      comeBack(world, queue, message, "release");
      return;
    case "reject":
      fail(message, settlement.error);
      tell(world, queue, message, "rejected", lease, settlement.error);
      exhaust(world, queue, message, "rejected", "reject");
      return;
    case "nack":
      fail(message, settlement.error);
      tell(world, queue, message, "nacked", lease, settlement.error);
      nack(world, queue, message, settlement.delayMs);
      return;
  }
}

function fail(message: Message, error: string): void {
  message.attempts++;
  message.error = error;
  message.ended = "nack";
}

function nack(world: World, queue: Queue, message: Message, delayMs: number | undefined): void {
  if (message.attempts >= queue.options.maxAttempts) {
    exhaust(world, queue, message, "exhausted", "nack");
    return;
  }
  if (message.overdue) {
    become(queue, message, "ready");
    expire(world, queue, message);
    if (message.state === "settled") return;
  }
  const delay = delayMs ?? backOff(queue, message);
  become(queue, message, delay === 0 ? "ready" : "retrying");
  message.deadline = ceil16(world.clock + delay);
}

/** What the queue's own back-off comes to; its jitter of a tenth is nothing below 10 ms, and longer ones are not predicted. */
function backOff({ options: { retry } }: Queue, { attempts }: Message): number {
  const delay = Math.floor(
    Math.min(retry.initialMs * retry.multiplier ** (attempts - 1), retry.maxMs),
  );
  if (delay >= 10) throw new Error(`the model cannot predict a back-off of ${delay} ms`);
  return delay;
}

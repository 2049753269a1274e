// What happens because time passes. On the lease clock sessions, receives, leases, back-offs and the windows of dedup_ids end; on
// cluster time messages become due, expire, and histories are forgotten.

import { become, comeBack, exhaust, expire, mayExpire } from "./messages.ts";
import { endSession } from "./sessions.ts";
import { storiesEnd, tell } from "./story.ts";
import { ceil16, leftOf, type Happened, type Message, type Queue, type World } from "./world.ts";

export function timePasses(world: World, happened: Happened): void {
  windowsEnd(world);
  clusterTime(world);
  leaseClock(world, happened);
  storiesEnd(world);
}

/** Before anything else: what is refused in this entry is judged by what is remembered in it. */
function windowsEnd(world: World): void {
  for (const { dedup } of [...world.queues.values(), ...world.topics.values()]) {
    for (const [id, seen] of dedup) if (leftOf(world, seen) <= 0) dedup.delete(id);
  }
}

/** Everything due happens in the order of its deadline; sessions, then receives, then leases. */
function leaseClock(world: World, happened: Happened): void {
  const due: { deadline: number; rank: number; id: number; act: () => void }[] = [];
  for (const session of world.sessions.values()) {
    const deadline = ceil16(session.lastSeen + session.ttlMs);
    const end = (): void => endSession(world, session, happened);
    due.push({ deadline, rank: 0, id: session.id, act: end });
    for (const [sequence, call] of session.receives) {
      const act = (): void => {
        if (call.deleted || !session.receives.delete(sequence)) return;
        world.over.set(`${session.id}/${sequence}`, "empty");
      };
      due.push({ deadline: call.deadline, rank: 1, id: sequence, act });
    }
  }
  for (const queue of world.queues.values()) {
    for (const message of queue.timed) {
      const { state, token } = message;
      const act = (): void => {
        if (message.state !== state || message.token !== token) return;
        if (state === "retrying") become(queue, message, "ready");
        else leaseExpires(world, queue, message);
      };
      due.push({ deadline: message.deadline, rank: 2, id: token, act });
    }
  }
  due
    .filter((one) => one.deadline <= world.clock)
    .sort((a, b) => a.deadline - b.deadline || a.rank - b.rank || a.id - b.id)
    .forEach((one) => one.act());
}

function leaseExpires(world: World, queue: Queue, message: Message): void {
  message.attempts++;
  message.error = "the lease expired";
  tell(world, queue, message, "lease-expired", { ...message });
  if (message.attempts >= queue.options.maxAttempts) {
    message.ended = "lease-expired";
    exhaust(world, queue, message, "exhausted", "");
  } else {
    comeBack(world, queue, message, "lease-expired");
  }
}

interface Due {
  readonly at: number;
  readonly queue: Queue;
  readonly kind: "delay" | "expiry";
  readonly message: Message;
}

/** By time, then by queue, what begins before what ends, and by place. */
function sooner(a: Due, b: Due): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.queue !== b.queue) return a.queue.id - b.queue.id;
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.message.lane !== b.message.lane) return a.message.lane < b.message.lane ? -1 : 1;
  return a.message.number - b.message.number;
}

function clusterTime(world: World): void {
  const due: Due[] = [];
  for (const queue of world.queues.values()) {
    for (const message of queue.dated) {
      const { notBefore, expiresAt } = message;
      if (message.state === "delayed" && notBefore <= world.clusterTime) {
        due.push({ at: notBefore, queue, kind: "delay", message });
      }
      if (expiresAt > 0 && expiresAt <= world.clusterTime) {
        due.push({ at: expiresAt, queue, kind: "expiry", message });
      }
    }
  }
  for (const one of due.sort(sooner)) happens(world, one);
}

function happens(world: World, { queue, kind, message }: Due): void {
  if (message.state === "settled") return;
  if (kind === "delay") {
    if (message.state !== "delayed") return;
    become(queue, message, "ready");
    // Of a queue without order: from here on it is one that can be given again and again.
    if (queue.options.ordering === "none") message.begun = true;
    if (message.expiresAt === 0) queue.dated.delete(message);
    return;
  }
  if (message.state !== "delayed") queue.dated.delete(message);
  message.expiresAt = 0;
  // A person decides about a parked one.
  if (message.state === "parked") return;
  if (message.state === "leased") message.overdue = mayExpire(world, queue);
  else expire(world, queue, message);
}

/** Milliseconds until something must happen; undefined: nothing ever will. */
export function nextDeadline(world: World): number | undefined {
  const waits: number[] = [];
  for (const session of world.sessions.values()) {
    waits.push(ceil16(session.lastSeen + session.ttlMs) - world.clock);
    for (const call of session.receives.values()) waits.push(call.deadline - world.clock);
  }
  for (const { dedup } of [...world.queues.values(), ...world.topics.values()]) {
    for (const seen of dedup.values()) waits.push(leftOf(world, seen));
  }
  for (const queue of world.queues.values()) {
    for (const { deadline } of queue.timed) waits.push(deadline - world.clock);
    for (const { state, notBefore, expiresAt } of queue.dated) {
      if (state === "delayed") waits.push(notBefore - world.clusterTime);
      if (expiresAt > 0) waits.push(expiresAt - world.clusterTime);
    }
  }
  return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
}

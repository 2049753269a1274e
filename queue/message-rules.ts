// What one message may ask for in one queue, whatever else is there: checked before anything is looked at.

import type { MessageExtras, NewMessage, Refusal } from "./command.ts";
import { bounds } from "./options.ts";
import { refusal } from "./refusal.ts";
import type { Queue, State } from "./state.ts";

/** When a message may be granted, and with which priority. 0: at once, for ever, none. */
export interface Times {
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly priority: number;
}

export const plainTimes: Times = { notBefore: 0, expiresAt: 0, priority: 0 };

export function messageRefusal(
  state: State,
  queue: Queue,
  message: NewMessage,
): Refusal | undefined {
  const { ordering, maxMessageBytes } = queue.options;
  if (message.key === "" && ordering === "key") {
    const text = `queue ${queue.name} orders by key: give the message one`;
    return refusal("KEY_REQUIRED", text, "key");
  }
  if (message.content.length > maxMessageBytes) {
    const size = message.content.length;
    const text = `a message of ${size} bytes, queue ${queue.name} takes ${maxMessageBytes} at most`;
    return refusal("TOO_LARGE", text, "body");
  }
  const { extras } = message;
  return extras === undefined ? undefined : extrasRefusal(state, queue, extras);
}

function extrasRefusal(state: State, queue: Queue, extras: MessageExtras): Refusal | undefined {
  const { name, unordered } = queue;
  if (extras.priority > 0 && !unordered) {
    return malformed("priority", `queue ${name} is ordered: a priority would overtake`);
  }
  if (extras.priority > bounds.priorityMax) {
    return malformed(
      "priority",
      `priority ${extras.priority}, ${bounds.priorityMax} is the highest`,
    );
  }
  return (
    delayRefusal(state, queue, extras) ??
    expiryRefusal(state, queue, extras) ??
    dedupRefusal(extras, queue)
  );
}

function delayRefusal(state: State, queue: Queue, extras: MessageExtras): Refusal | undefined {
  const { notBefore, delayMs } = extras;
  if (notBefore === 0 && delayMs === 0) return undefined;
  const field = notBefore > 0 ? "not_before_ms" : "delay_ms";
  if (!queue.unordered && queue.options.orderedDelay === "reject") {
    const text = `queue ${queue.name} is ordered, and its ordered_delay is REJECT`;
    return refusal("DELAY_NOT_ALLOWED", text, field);
  }
  return tooFar(state, notBefore, "not_before_ms") ?? tooLong(delayMs, "delay_ms");
}

function expiryRefusal(state: State, queue: Queue, extras: MessageExtras): Refusal | undefined {
  const { expiresAt, ttlMs } = extras;
  if (expiresAt === 0 && ttlMs === 0) return undefined;
  const field = expiresAt > 0 ? "expires_at_ms" : "ttl_ms";
  if (queue.options.onExpiry === "refuse") {
    return malformed(field, `queue ${queue.name} has no on_expiry: its messages cannot expire`);
  }
  return tooFar(state, expiresAt, "expires_at_ms") ?? tooLong(ttlMs, "ttl_ms");
}

/** Looked at after the dedup_id: asking again is no mistake because time has passed since. */
export function passedRefusal(state: State, message: NewMessage): Refusal | undefined {
  const expiresAt = message.extras?.expiresAt ?? 0;
  if (expiresAt === 0 || expiresAt > state.clusterTime) return undefined;
  const text = `expires_at_ms ${expiresAt} has passed: it is ${state.clusterTime}`;
  return malformed("expires_at_ms", text);
}

function dedupRefusal(extras: MessageExtras, queue: Queue): Refusal | undefined {
  if (extras.dedupId === "" || queue.options.dedupWindowMs > 0) return undefined;
  return malformed("dedup_id", `queue ${queue.name} has no dedup_window_ms`);
}

function tooFar(state: State, time: number, field: string): Refusal | undefined {
  const latest = state.clusterTime + bounds.aheadMsMax;
  if (time <= latest) return undefined;
  return malformed(field, `${field} ${time} is more than 366 days ahead: ${latest} is the latest`);
}

function tooLong(ms: number, field: string): Refusal | undefined {
  if (ms <= bounds.aheadMsMax) return undefined;
  return malformed(field, `${field} ${ms} is more than 366 days: ${bounds.aheadMsMax}`);
}

function malformed(field: string, text: string): Refusal {
  return refusal("MALFORMED", text, field);
}

/** What a message asked for, as times from now on. */
export function timesOf(state: State, extras: MessageExtras | undefined): Times {
  if (extras === undefined) return plainTimes;
  const now = state.clusterTime;
  const { priority, delayMs, ttlMs } = extras;
  const notBefore = Math.max(extras.notBefore, delayMs === 0 ? 0 : now + delayMs);
  const expiresAt = sooner(extras.expiresAt, ttlMs === 0 ? 0 : now + ttlMs);
  return { notBefore: notBefore > now ? notBefore : 0, expiresAt, priority };
}

/** The earlier of two times, of which 0 is none. */
export function sooner(a: number, b: number): number {
  return a === 0 || b === 0 ? a + b : Math.min(a, b);
}

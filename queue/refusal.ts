import type { Reason, Refusal, Reply } from "./command.ts";

export function refusal(reason: Reason, message: string, field = "", retryAfterMs = 0): Refusal {
  return { reason, message, field, currentToken: 0, state: "", retryAfterMs };
}

export function refused(reason: Reason, message: string, field = "", retryAfterMs = 0): Reply {
  return { kind: "refused", refusal: refusal(reason, message, field, retryAfterMs) };
}

export function noQueue(name: string): Reply {
  return refused("QUEUE_NOT_FOUND", `there is no queue ${JSON.stringify(name)}`, "queue");
}

export function needsSession(): Reply {
  return refused("MALFORMED", "this call needs a session", "session");
}

export const done: Reply = { kind: "done" };

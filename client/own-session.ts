// Unary changes that must not be made twice: a session of their own remembers them.
//
// Deciding about a parked message, replaying or redriving again by a retry would do another thing than was asked for. The
// client's own session cannot number these calls: its sequence belongs to the stream (unary.ts).
//
//   Y1. One call at a time, numbered from 1 without gaps; a retry has the number of the first try (P6).

import type { UnaryMethod } from "./channel.ts";
import { callLeader, type UnaryParts } from "./unary.ts";

/** Longer than a call and a pause between two calls take. */
const sessionTtlMs = 120_000;

export type CallOnce = (
  method: UnaryMethod,
  request: object,
  signal?: AbortSignal,
) => Promise<object>;

/** Runs `work` with calls that take effect exactly once. @throws {QueueError} */
export async function withOwnSession<R>(
  parts: UnaryParts,
  work: (call: CallOnce) => Promise<R>,
): Promise<R> {
  const request = { name: "raftq-admin", ttlMs: sessionTtlMs };
  const opened = await callLeader(parts, "OpenSession", request);
  const { sessionId } = opened.reply as { sessionId: string };
  let sequence = 0;
  try {
    return await work(async (method, fields, signal) => {
      const caller = { sessionId, sequence: ++sequence, firstOutstanding: sequence };
      return (await callLeader(parts, method, { caller, ...fields }, signal)).reply;
    });
  } finally {
    // It expires by itself when nobody hears this.
    await callLeader(parts, "CloseSession", { sessionId }).catch(() => undefined);
  }
}

/** One such call. */
export function callOnce(parts: UnaryParts, method: UnaryMethod, request: object): Promise<object> {
  return withOwnSession(parts, (call) => call(method, request));
}

// Unary calls that follow the leader: sessions and administration.
//
// Administration carries no session. The stream's commands and a unary call would have to share one dense sequence, and a
// unary call that overtakes commands in flight would be refused with SEQUENCE_GAP (or would have to wait until the pipe
// is empty). Exactly-once comes from the calls themselves instead: creating is idempotent, a change may name the revision
// that it builds on, and deleting what is gone already is what was asked for.

import type { Failure, UnaryMethod } from "./channel.ts";
import type { Channels } from "./channels.ts";
import { pause, type Clock } from "./clock.ts";
import { abortedError, closedError, QueueError, status } from "./errors.ts";
import type { LeaderFinder } from "./leader.ts";
import { errorOf, neverApplied, pauseMs, verdictOf } from "./retry.ts";

/** One try: then another node is asked. A node that neither answers nor refuses is hung or cut off. */
const attemptMs = 2_000;

export interface UnaryParts {
  readonly channels: Channels;
  readonly leader: LeaderFinder;
  readonly clock: Clock;
  readonly random: () => number;
  /** The whole call, with all its tries. */
  readonly timeoutMs: number;
  /** Fires when the client is closed. */
  readonly closed: AbortSignal;
  /** Counts the calls that have no answer yet. */
  readonly unanswered: { count: number };
}

export interface UnaryReply {
  readonly reply: object;
  /** An earlier try ended without an answer: it may have taken effect before this one. */
  readonly uncertain: boolean;
}

/**
 * Asks the leader, wherever it is. The error's outcome is UNKNOWN when any try may have been applied; then `whenUncertain`
 * may turn a refusal into the answer.
 * @throws {QueueError}
 */
export async function callLeader(
  parts: UnaryParts,
  method: UnaryMethod,
  request: object,
  signal?: AbortSignal,
  whenUncertain: (error: QueueError) => object | undefined = () => undefined,
): Promise<UnaryReply> {
  return counted(parts, () => askLeader(parts, method, request, signal, whenUncertain));
}

/** A call that somebody waits for until it is answered, whatever becomes of its tries. */
export async function counted<T>(
  { unanswered }: Pick<UnaryParts, "unanswered">,
  call: () => Promise<T>,
): Promise<T> {
  unanswered.count += 1;
  try {
    return await call();
  } finally {
    unanswered.count -= 1;
  }
}

async function askLeader(
  parts: UnaryParts,
  method: UnaryMethod,
  request: object,
  signal: AbortSignal | undefined,
  whenUncertain: (error: QueueError) => object | undefined,
): Promise<UnaryReply> {
  const { clock, leader } = parts;
  const stop = signal === undefined ? parts.closed : AbortSignal.any([parts.closed, signal]);
  const deadline = clock.now() + parts.timeoutMs;
  let uncertain = false;
  for (let round = 0; ;) {
    const outcome = uncertain ? "UNKNOWN" : "NOT_APPLIED";
    if (parts.closed.aborted) throw closedError(outcome);
    if (signal?.aborted === true) throw abortedError(outcome, signal.reason);
    const left = deadline - clock.now();
    const endpoint = leader.next();
    try {
      const attempt = Math.max(1, Math.min(attemptMs, shareOf(left, leader.endpoints.length)));
      const reply = await parts.channels.to(endpoint).unary(method, request, attempt, stop);
      // Only a leader opens sessions; the stream goes there next.
      if (method === "OpenSession") leader.leads(endpoint);
      return { reply, uncertain };
    } catch (caught) {
      const failure = caught as Failure;
      const canRetry = refusedBy(parts, endpoint, failure) && !stop.aborted;
      if (canRetry || stop.aborted) uncertain ||= !neverApplied(failure);
      if (stop.aborted) continue;
      if (!canRetry) {
        const error = finalError(failure, uncertain);
        const reply = uncertain ? whenUncertain(error) : undefined;
        if (reply === undefined) throw error;
        return { reply, uncertain };
      }
      const over = leader.roundIsOver();
      const wait = over ? pauseMs(round++, parts.random) : 0;
      if (clock.now() + wait >= deadline) throw gaveUp(failure, uncertain, leader.endpoints);
      if (over) await pause(clock, wait, stop);
    }
  }
}

/** A node that says nothing must leave time for the others: of a short timeout a try gets half of what is left. */
function shareOf(leftMs: number, endpoints: number): number {
  return endpoints > 1 ? Math.max(leftMs / 2, Math.min(leftMs, 100)) : leftMs;
}

/** Learns from a failed try. True: another try may do better. */
function refusedBy(parts: UnaryParts, endpoint: string, failure: Failure): boolean {
  const hint = failure.error?.leader;
  if (verdictOf(failure) !== "elsewhere") return false;
  if (failure.error === undefined) {
    parts.channels.discard(endpoint);
    if (failure.code === status.DEADLINE_EXCEEDED) parts.leader.hung(endpoint, 0);
    else if (failure.code === status.UNAVAILABLE) parts.leader.refused(endpoint, 0);
    else return false;
    return true;
  }
  const isRedirect = failure.code === status.UNAVAILABLE;
  if (!isRedirect) return false;
  parts.leader.refused(endpoint, hint?.endpoint === endpoint ? hint.term : 0);
  if (hint !== undefined) parts.leader.hinted(hint);
  return true;
}

function finalError(failure: Failure, uncertain: boolean): QueueError {
  const applied = uncertain || (failure.error === undefined && !neverApplied(failure));
  return errorOf(failure, applied ? "UNKNOWN" : "NOT_APPLIED");
}

export function gaveUp(
  last: Failure,
  uncertain: boolean,
  endpoints: readonly string[],
): QueueError {
  const what = last.error === undefined ? "no node could be reached" : "no node leads the cluster";
  return new QueueError(
    `${what}: tried ${endpoints.join(", ")}; last answer: ${last.message}. ` +
      "Is a majority of the nodes running, and are these their client ports?",
    {
      reason: last.error?.reason === "NO_LEADER" ? "NO_LEADER" : "UNREACHABLE",
      code: status.UNAVAILABLE,
      outcome: uncertain ? "UNKNOWN" : "NOT_APPLIED",
    },
  );
}

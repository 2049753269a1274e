// Finds the leader and attaches a session's stream to it, once for each loss of the stream.

import type { Failure } from "../channel.ts";
import type { Channels } from "../channels.ts";
import { pause, type Clock } from "../clock.ts";
import { closedError, QueueError, status } from "../errors.ts";
import type { LeaderFinder } from "../leader.ts";
import { errorOf, pauseMs, verdictOf } from "../retry.ts";
import { Connection, type ConnectionEvents, unavailable } from "./connection.ts";

export interface AttachParts {
  readonly channels: Channels;
  readonly leader: LeaderFinder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly closed: AbortSignal;
}

/** How an attached stream ended. */
export interface Ended {
  readonly failure: Failure;
  readonly silent: boolean;
}

export class SessionGone extends Error {
  readonly error: QueueError;
  constructor(error: QueueError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * Tries until a node takes the session, calls the events of that stream, and resolves when that stream has ended.
 * Rejects with SessionGone when the session expired, with a QueueError when trying again is pointless.
 */
export async function attachAndRun(
  parts: AttachParts,
  sessionId: string,
  heartbeatMs: number,
  events: Omit<ConnectionEvents, "onEnd"> & {
    onOpen(connection: Connection): void;
    onFailedTry(failure: Failure): void;
  },
): Promise<Ended> {
  for (let round = 0; ; ) {
    if (parts.closed.aborted) throw closedError("NOT_APPLIED");
    const endpoint = parts.leader.next();
    let term = 0;
    let attached = false;
    const ended = await new Promise<Ended>((resolve) => {
      const connection = new Connection(
        parts.channels.to(endpoint),
        sessionId,
        heartbeatMs,
        parts.clock,
        {
          ...events,
          onAttached: (attachedFrame, attachedTerm) => {
            attached = true;
            term = attachedTerm;
            parts.leader.leads(endpoint);
            events.onAttached(attachedFrame, attachedTerm);
          },
          onEnd: (failure, silent) => resolve({ failure, silent }),
        },
      );
      events.onOpen(connection);
    });
    learn(parts, endpoint, term, ended);
    if (attached) return ended;
    events.onFailedTry(ended.failure);
    judge(ended.failure);
    if (parts.leader.roundIsOver()) {
      await pause(parts.clock, pauseMs(round++, parts.random), parts.closed);
    }
  }
}

/** @throws what makes another try pointless */
export function judge(failure: Failure): void {
  switch (verdictOf(failure)) {
    case "session-expired":
      throw new SessionGone(errorOf(failure, "UNKNOWN"));
    case "fatal":
      throw errorOf(failure, "UNKNOWN");
    case "elsewhere":
      return;
  }
}

function learn(parts: AttachParts, endpoint: string, term: number, ended: Ended): void {
  const { failure, silent } = ended;
  if (failure.error === undefined) parts.channels.discard(endpoint);
  const hint = failure.error?.leader;
  // A gap in the sequence says nothing against this leader: the stream starts anew there.
  if (failure.error?.reason === "SEQUENCE_GAP") return;
  if (silent) parts.leader.hung(endpoint, term);
  else parts.leader.refused(endpoint, term);
  if (hint !== undefined) parts.leader.hinted(hint);
}

/** Asks the other nodes whether they follow another leader than the one that keeps silent. */
export async function newerLeader(
  parts: AttachParts,
  silentEndpoint: string,
  term: number,
): Promise<{ readonly endpoint: string; readonly term: number } | undefined> {
  const others = parts.leader.endpoints.filter((endpoint) => endpoint !== silentEndpoint);
  const answers = await Promise.allSettled(
    others.map((endpoint) => parts.channels.to(endpoint).unary("GetCluster", {}, probeMs)),
  );
  let newest: { readonly endpoint: string; readonly term: number } | undefined;
  for (const answer of answers) {
    if (answer.status === "rejected") continue;
    const { leader } = answer.value as { leader?: { endpoint: string; term: number } | null };
    if (leader == null || leader.term <= (newest?.term ?? term)) continue;
    if (leader.endpoint !== "" && leader.endpoint !== silentEndpoint) newest = leader;
  }
  return newest;
}

const probeMs = 300;

export function movedTo(leader: { readonly endpoint: string; readonly term: number }): Failure {
  return {
    ...unavailable(`the leader is silent, the others follow ${leader.endpoint}`),
    code: status.UNAVAILABLE,
  };
}

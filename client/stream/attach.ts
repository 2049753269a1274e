// Finds the leader and attaches a session's stream to it, once for each loss of the stream.

import type { ServerFrame } from "../../proto/frame.ts";
import type { Failure } from "../channel.ts";
import type { Channels } from "../channels.ts";
import { pause, type Clock } from "../clock.ts";
import { closedError, type QueueError } from "../errors.ts";
import type { LeaderFinder } from "../leader.ts";
import { errorOf, pauseMs, verdictOf } from "../retry.ts";
import { Connection, unavailable } from "./connection.ts";

export interface AttachParts {
  readonly channels: Channels;
  readonly leader: LeaderFinder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly closed: AbortSignal;
}

/** The session is over: nothing of it may be sent again. */
export class SessionGone extends Error {
  readonly error: QueueError;
  constructor(error: QueueError) {
    super(error.message);
    this.error = error;
  }
}

/** What the session hears of its stream. */
export interface StreamEvents {
  onAttached(connection: Connection, nextSequence: number, term: number): void;
  onFrame(frame: ServerFrame): void;
  onRoom(): void;
  onFailedTry(failure: Failure): void;
}

/**
 * Tries until a node takes the session, calls the events of that stream, and resolves when that stream has ended.
 * Rejects with SessionGone when the session expired, with a QueueError when trying again is pointless.
 */
export async function attachAndRun(
  parts: AttachParts,
  sessionId: string,
  heartbeatMs: number,
  events: StreamEvents,
): Promise<Failure> {
  for (let round = 0; ;) {
    if (parts.closed.aborted) throw closedError("NOT_APPLIED");
    const tried = await tryEndpoint(parts, sessionId, heartbeatMs, events);
    judge(tried.failure);
    if (tried.attached) return tried.failure;
    events.onFailedTry(tried.failure);
    if (parts.leader.roundIsOver()) {
      await pause(parts.clock, pauseMs(round++, parts.random), parts.closed);
    }
  }
}

interface Tried {
  readonly attached: boolean;
  readonly failure: Failure;
}

/** One stream to the next endpoint, from its opening to its end. */
function tryEndpoint(
  parts: AttachParts,
  sessionId: string,
  heartbeatMs: number,
  events: StreamEvents,
): Promise<Tried> {
  const endpoint = parts.leader.next();
  let term = 0;
  let attached = false;
  let probing = false;
  return new Promise((resolve) => {
    const connection = new Connection(
      parts.channels.to(endpoint),
      sessionId,
      heartbeatMs,
      parts.clock,
      {
        onAttached: (nextSequence, attachedTerm) => {
          attached = true;
          term = attachedTerm;
          parts.leader.leads(endpoint);
          events.onAttached(connection, nextSequence, term);
        },
        onFrame: (frame) => events.onFrame(frame),
        onRoom: () => events.onRoom(),
        onSuspect: () => {
          if (probing) return;
          probing = true;
          void newerLeader(parts, endpoint, term).then((leader) => {
            probing = false;
            // Waiting for the watchdog would be wasted time.
            if (leader === undefined) return;
            connection.abandon(movedTo(leader.endpoint), true);
            parts.leader.hinted(leader);
          });
        },
        onEnd: (failure, silent) => {
          parts.closed.removeEventListener("abort", close);
          learn(parts, endpoint, term, failure, silent);
          resolve({ attached, failure });
        },
      },
    );
    const close = (): void => connection.abandon(unavailable("the client is closed"));
    parts.closed.addEventListener("abort", close, { once: true });
  });
}

/** @throws what makes another try pointless */
function judge(failure: Failure): void {
  switch (verdictOf(failure)) {
    case "session-expired":
      throw new SessionGone(errorOf(failure, "UNKNOWN"));
    case "fatal":
      throw errorOf(failure, "UNKNOWN");
    case "elsewhere":
      return;
  }
}

function learn(
  parts: AttachParts,
  endpoint: string,
  term: number,
  failure: Failure,
  silent: boolean,
): void {
  if (failure.error === undefined) parts.channels.discard(endpoint);
  const hint = failure.error?.leader;
  // A gap in the sequence says nothing against this leader: the stream starts anew there.
  if (failure.error?.reason === "SEQUENCE_GAP") return;
  if (silent) parts.leader.hung(endpoint, term);
  else parts.leader.refused(endpoint, term);
  if (hint !== undefined) parts.leader.hinted(hint);
}

/** Asks the other nodes whether they follow another leader than the one that keeps silent. */
async function newerLeader(
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

function movedTo(endpoint: string): Failure {
  return unavailable(`the leader is silent, the others follow ${endpoint}`);
}

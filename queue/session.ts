// Sessions: exactly-once for whoever asks (P6, H1, H2), and the life of leases.
//   Y1. A command of a session is applied once: only the sequence after the last one is; those before get their first answer.
//   Y2. A session that ended never executes anything again (H2). Ids are never used twice.
//   Y3. It ends when closed, or when the lease clock has passed ttl since its last sign of life (G3). No clock of a node counts.
//   Y4. Its end releases its leases in the order of queue, key and key_seq; that costs them no attempt. Then its temporary queues go.

import { forgetBelow, recall } from "./answers.ts";
import type { Answer, Origin, Reply } from "./command.ts";
import { endLease, placeConsumer } from "./grants.ts";
import { removeQueue } from "./queues.ts";
import { noteLease } from "./history.ts";
import { drop } from "./receive.ts";
import { done, refusal, refused } from "./refusal.ts";
import { Session, type Flight, type State } from "./state.ts";
import { grantAgain } from "./settle.ts";
import { deadlineAfter } from "./timers.ts";

export function openSession(state: State, name: string, ttlMs: number): Reply {
  if (state.sessions.size >= state.rules.sessionsMax) {
    const text = `${state.sessions.size} sessions are open already`;
    return refused("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const session = new Session(state.nextSession++, name, ttlMs, state.leaseClock);
  state.sessions.set(session.id, session);
  state.timers.set(session, deadlineAfter(state.leaseClock, ttlMs));
  state.changedSession(session);
  return { kind: "session-opened", session: session.id };
}

export function showLife(state: State, session: Session): void {
  session.lastSeen = state.leaseClock;
  state.changedSession(session);
}

export const expired: Reply = {
  kind: "refused",
  refusal: refusal(
    "SESSION_EXPIRED",
    "there is no such session: it was closed, or expired",
    "session",
  ),
};

/** What becomes of a command of a session: run it, or answer without running it, or its answer is still to come. */
export type Admission = Answer | Reply | "run" | "pending";

export function admit(state: State, session: Session, origin: Origin): Admission {
  const { sequence } = origin;
  showLife(state, session);
  const next = session.last + 1;
  raiseFloor(state, session, Math.min(origin.floor, sequence === 0 ? next : sequence));
  if (sequence === 0) return "run";
  if (sequence > next) {
    return refused("SEQUENCE_GAP", `sequence ${sequence} came, ${next} is next`, "sequence");
  }
  if (sequence < next) return repeat(session, sequence);
  if (next - session.floor >= state.rules.rememberedAnswersMax) {
    const text = `the answers from sequence ${session.floor} on are still kept: raise the floor`;
    return refused("TOO_MANY_IN_FLIGHT", text, "floor", state.rules.retryAfterMs);
  }
  session.last = next;
  return "run";
}

function repeat(session: Session, sequence: number): Admission {
  if (sequence >= session.floor) return recall(session, sequence) ?? "pending";
  const text = `the answer to sequence ${sequence} was forgotten: the floor is ${session.floor}`;
  return refused("MALFORMED", text, "sequence");
}

/** The client has every answer below. A receive that nobody waits for any more is taken back. */
function raiseFloor(state: State, session: Session, floor: number): void {
  if (floor <= session.floor) return;
  if (session.receives.size > 0) {
    for (const call of session.receives.values()) {
      if (call.sequence < floor) drop(state, call);
    }
  }
  forgetBelow(session, floor);
}

export function attach(state: State, session: Session, attached: boolean): Reply {
  if (session.attached !== attached) {
    session.attached = attached;
    const consumers = [...session.consumers.values()].sort((a, b) => a.id - b.id);
    for (const consumer of consumers) placeConsumer(state, consumer);
  }
  return done;
}

/** The timer of a session. If it has shown life since the timer was set, its real deadline gets its turn among the others (T2). */
export function fireSession(state: State, session: Session): void {
  const deadline = deadlineAfter(session.lastSeen, session.ttlMs);
  if (deadline === session.deadline) endSession(state, session);
  else state.timers.set(session, deadline);
}

export function endSession(state: State, session: Session): void {
  session.live = false;
  state.sessions.delete(session.id);
  state.timers.clear(session);
  for (const consumer of session.consumers.values()) {
    consumer.live = false;
    consumer.queue.consumers.delete(consumer);
    placeConsumer(state, consumer);
  }
  for (const flight of leasesInOrder(session)) {
    noteLease(state, flight, "session-ended");
    endLease(state, flight);
    grantAgain(state, flight, "session-ended");
  }
  const entry = state.entry;
  for (const call of [...session.receives.values()].sort((a, b) => a.sequence - b.sequence)) {
    drop(state, call);
    const answer = { index: entry?.index ?? 0, reply: expired };
    state.completions.push({ session: session.id, sequence: call.sequence, answer });
  }
  for (const queue of [...session.queues].sort((a, b) => a.id - b.id)) removeQueue(state, queue);
  state.endedSessions.push(session.id);
  state.changedSession(session);
  state.digest.mix(session.id);
}

export function leasesOf(session: Session): Flight[] {
  const leases: Flight[] = [];
  for (let flight = session.firstLease; flight !== undefined; flight = flight.nextOfSession) {
    leases.push(flight);
  }
  return leases;
}

/** By queue, key and key_seq (Y4): where a session's leases hang in memory depends on its history, this does not. */
function leasesInOrder(session: Session): Flight[] {
  return leasesOf(session).sort((a, b) => {
    const [x, y] = [a.lane, b.lane];
    if (x === y) return a.keySeq - b.keySeq;
    if (x.queue !== y.queue) return x.queue.id - y.queue.id;
    return x.name < y.name ? -1 : 1;
  });
}

// Sessions: each command once (P6), and what goes with a session when it ends.

import type { Answer, Command, Origin } from "../../../queue/index.ts";
import { comeBack } from "./messages.ts";
import { removeQueue } from "./queues.ts";
import { tell } from "./story.ts";
import type { Happened, Message, Queue, Session, World } from "./world.ts";

/** undefined: the command is not carried out, and its answer has been judged. */
export function admitted(
  world: World,
  origin: Origin,
  command: Command,
  answer: Answer | undefined,
): Session | "nobody" | undefined {
  if (origin.session === 0) return "nobody";
  const session = world.sessions.get(origin.session);
  if (session === undefined) {
    world.refused(answer, "SESSION_EXPIRED", `${command.kind} of a session that is over: H2`);
    return undefined;
  }
  session.lastSeen = world.clock;
  const { sequence } = origin;
  const next = session.last + 1;
  const floor = Math.min(origin.floor, sequence === 0 ? next : sequence);
  if (floor > session.floor) {
    session.floor = floor;
    for (const waiting of session.receives.keys()) {
      if (waiting < floor) session.receives.delete(waiting);
    }
  }
  if (sequence === 0) return session;
  if (sequence > next) {
    world.refused(answer, "SEQUENCE_GAP", `sequence ${sequence} after ${session.last}`);
  } else if (sequence < session.floor) {
    world.refused(answer, "MALFORMED", `sequence ${sequence} below the floor`);
  } else if (sequence < next) {
    const first = session.answers.get(sequence);
    const same = JSON.stringify(first) === JSON.stringify(answer);
    world.expect(same, `P6: sequence ${sequence} of ${session.id} answered differently`);
  } else {
    session.last = sequence;
    return session;
  }
  return undefined;
}

export function openSession(
  world: World,
  { name, ttlMs }: Command & { kind: "open-session" },
  answer: Answer | undefined,
): void {
  const id = world.nextSession++;
  world.sessions.set(id, {
    ...{ id, name, ttlMs, lastSeen: world.clock, last: 0, floor: 1, attached: false },
    ...{ answers: new Map(), consumers: new Map(), receives: new Map() },
  });
  const reply = answer?.reply;
  world.expect(reply?.kind === "session-opened" && reply.session === id, "session id");
}

export function keepAlive(world: World, ids: readonly number[]): void {
  for (const id of ids) {
    const alive = world.sessions.get(id);
    if (alive !== undefined) alive.lastSeen = world.clock;
  }
}

/** Its leases end, by queue, key and key_seq, which costs their messages no attempt; its temporary queues go. */
export function endSession(world: World, session: Session, happened: Happened): void {
  const held: { queue: Queue; message: Message }[] = [];
  for (const queue of world.queues.values()) {
    for (const message of queue.timed) {
      if (message.state === "leased" && message.session === session.id) {
        held.push({ queue, message });
      }
    }
  }
  held.sort((a, b) => {
    const [x, y] = [a.message, b.message];
    if (a.queue !== b.queue) return a.queue.id - b.queue.id;
    if (x.lane !== y.lane) return x.lane < y.lane ? -1 : 1;
    return x.number - y.number;
  });
  for (const { queue, message } of held) {
    tell(world, queue, message, "session-ended", { ...message });
    comeBack(world, queue, message, "session-ended");
  }
  world.sessions.delete(session.id);
  for (const sequence of session.receives.keys()) {
    world.over.set(`${session.id}/${sequence}`, "expired");
  }
  session.receives.clear();
  happened.ended.push(session.id);
  const owned = [...world.queues.values()].filter(({ owner }) => owner === session.id);
  for (const queue of owned.sort((a, b) => a.id - b.id)) removeQueue(world, queue);
}

// Which rule carries out which command: the one switch of the state machine.

import { cancel } from "./cancel.ts";
import type { Command, Reply } from "./command.ts";
import { commit } from "./commit.ts";
import { subscribe, unsubscribe } from "./consumers.ts";
import { enqueue, enqueueBatch } from "./enqueue.ts";
import { pauseKey } from "./pause-key.ts";
import { purge } from "./purge.ts";
import { createQueue, deleteQueue, updateQueue } from "./queues.ts";
import { receive } from "./receive.ts";
import { redrive } from "./redrive.ts";
import { done, needsSession } from "./refusal.ts";
import { resolveParked } from "./resolve.ts";
import { attach, endSession, openSession, showLife } from "./session.ts";
import { settleLease } from "./settle.ts";
import type { Session, State } from "./state.ts";
import { createSubscription, replay } from "./subscriptions.ts";
import { createTopic, deleteTopic, updateTopic } from "./topics.ts";
import { raiseVersion, refusalByVersion } from "./upgrade.ts";

/** `session`, `sequence`: of whoever asks, if there is one. undefined: a receive that waits. */
export function execute(
  state: State,
  session: Session | undefined,
  sequence: number,
  command: Command,
): Reply | undefined {
  const tooOld = refusalByVersion(state, command);
  if (tooOld !== undefined) return tooOld;
  switch (command.kind) {
    case "enqueue":
      return enqueue(state, command.queue, command.message);
    case "enqueue-batch":
      return enqueueBatch(state, command.queue, command.messages, command.perItem === true);
    case "commit":
      return commit(state, command);
    case "settle":
      return settleLease(state, command.lease, command.settlement);
    case "receive":
      return session === undefined ? needsSession() : receive(state, session, sequence, command);
    case "subscribe":
      return session === undefined ? needsSession() : subscribe(state, session, command);
    case "unsubscribe":
      return session === undefined ? needsSession() : unsubscribe(state, session, command.consumer);
    case "open-session":
      return openSession(state, command.name, command.ttlMs);
    case "keep-alive":
      return keepAlive(state, command.sessions);
    case "attach":
    case "detach":
      return session === undefined
        ? needsSession()
        : attach(state, session, command.kind === "attach");
    case "close-session":
      if (session === undefined) return needsSession();
      endSession(state, session);
      return done;
    case "create-queue":
      return createQueue(state, command.name, command.options);
    case "update-queue":
      return updateQueue(state, command.name, command.revision, command.changes);
    case "delete-queue":
      return deleteQueue(state, command.name, command.revision, command.ifEmpty);
    case "refuse":
      return { kind: "refused", refusal: command.refusal };
    case "tick":
      return done;
    case "raise-version":
      return raiseVersion(state, command.version);
    case "create-temporary-queue":
      return session === undefined
        ? needsSession()
        : createQueue(state, command.name, command.options, session);
    case "resolve-parked":
      return resolveParked(state, command.message, command.resolution);
    case "redrive":
      return redrive(state, command);
    case "cancel":
      return cancel(state, command.message);
    case "purge":
      return purge(state, command.queue, command.lane, command.dryRun);
    case "pause-key":
      return pauseKey(state, command.queue, command.lane, command.paused);
    case "create-topic":
      return createTopic(state, command.name, command.options);
    case "update-topic":
      return updateTopic(state, command.name, command.revision, command.changes);
    case "delete-topic":
      return deleteTopic(state, command.name, command.revision, command.force);
    case "create-subscription":
      return createSubscription(state, command);
    case "replay":
      return replay(state, command.subscription, command.start);
  }
}

function keepAlive(state: State, ids: readonly number[]): Reply {
  for (const id of ids) {
    const session = state.sessions.get(id);
    if (session !== undefined) showLife(state, session);
  }
  return done;
}

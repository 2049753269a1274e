// Calls that wait for messages (O2). An answer, even an empty one, is decided by an entry of the log.
//   V1. A receive is answered once: when it gets something, when its wait is over, or when its queue or session goes.
//   V2. It lives in the replicated state: a new leader answers it, and asking again under the same sequence joins it.

import { remember } from "./answers.ts";
import type { Reply } from "./command.ts";
import { keysRefusal } from "./consumers.ts";
import { bounds } from "./options.ts";
import { noQueue, refused } from "./refusal.ts";
import { Receive, type Session, type State } from "./state.ts";
import { joinRing } from "./grants.ts";
import type { Bytes } from "./store.ts";
import { deadlineAfter } from "./timers.ts";

/** What a receive asks for: the command's fields. */
export interface ReceiveRequest {
  readonly queue: string;
  readonly maxMessages: number;
  readonly maxWaitMs: number;
  readonly leaseMs: number;
  readonly maxBytes?: number;
  readonly keys?: readonly Bytes[];
}

/** undefined: it is in the ring now; matching comes next, and then settleWait. */
export function receive(
  state: State,
  session: Session,
  sequence: number,
  request: ReceiveRequest,
): Reply | undefined {
  if (sequence === 0) {
    return refused("MALFORMED", "a receive needs a sequence number", "sequence");
  }
  const queue = state.queues.get(request.queue);
  if (queue === undefined) return noQueue(request.queue);
  if (request.maxMessages < 1 || request.maxMessages > bounds.creditMax) {
    return refused("MALFORMED", `max_messages must be 1 to ${bounds.creditMax}`, "max_messages");
  }
  const keys = request.keys ?? [];
  const wrong = keysRefusal(state, queue, keys);
  if (wrong !== undefined) return { kind: "refused", refusal: wrong };
  if (state.receives >= state.rules.pendingReceivesMax) {
    const text = `${state.receives} receives wait already`;
    return refused("TOO_MANY_IN_FLIGHT", text, "", state.rules.retryAfterMs);
  }
  const call = new Receive(session, sequence, queue, request.maxMessages, request.leaseMs);
  call.maxBytes = request.maxBytes ?? 0;
  call.keys = keys;
  adopt(state, call);
  joinRing(state, call);
  state.timers.set(call, deadlineAfter(state.leaseClock, request.maxWaitMs));
  state.touch(queue);
  state.changedReceive(call);
  state.receiving = call;
  return undefined;
}

export function adopt(state: State, call: Receive): void {
  call.session.receives.set(call.sequence, call);
  call.queue.receives.add(call);
  state.receives++;
}

/** Answers a receive that waits. */
export function completeReceive(state: State, call: Receive, reply: Reply): void {
  drop(state, call);
  const answer = remember(state, call.session, call.sequence, reply);
  state.digest.mix(call.session.id);
  state.digest.mix(call.sequence);
  if (state.receiving === call) return;
  state.completions.push({ session: call.session.id, sequence: call.sequence, answer });
}

/** Takes a receive out of everything: nobody waits for it any more. */
export function drop(state: State, call: Receive): void {
  call.live = false;
  call.ring?.remove(call);
  call.ticket = 0;
  state.timers.clear(call);
  call.session.receives.delete(call.sequence);
  call.queue.receives.delete(call);
  state.receives--;
  state.changedReceive(call);
}

// A paused key takes messages and delivers none; what is leased stays leased (O6).

import type { Reply } from "./command.ts";
import { findLane, missingLane, openLane, place } from "./lanes.ts";
import { done, noQueue, refused } from "./refusal.ts";
import type { State } from "./state.ts";
import type { Bytes } from "./store.ts";

export function pauseKey(state: State, queueName: string, name: Bytes, paused: boolean): Reply {
  const queue = state.queues.get(queueName);
  if (queue === undefined) return noQueue(queueName);
  if (queue.options.ordering !== "key") {
    const text = `queue ${queueName} is not ordered by key: pause the queue`;
    return refused("MALFORMED", text, "key");
  }
  // A key that is not there yet can be paused; one that never was is not.
  const lane = paused ? openLane(state, queue, name) : findLane(state, queue, name);
  if (lane === undefined || lane.paused === paused) return done;
  lane.paused = paused;
  queue.pausedKeys += paused ? 1 : -1;
  place(state, lane);
  state.changedQueue(queue);
  state.touch(queue);
  state.digest.mix(queue.id);
  state.digest.mix(paused ? 2 : 1);
  return done;
}

export function missingToPause(
  state: State,
  queueName: string,
  name: Bytes,
  missing: Set<Bytes>,
): void {
  const queue = state.queues.get(queueName);
  if (queue === undefined) return;
  const row = missingLane(state, queue, name);
  if (row !== undefined) missing.add(row);
}

// Everything that nobody holds is taken out, of a queue or of one key (O6): in one step, without reading a single message.
// Its history goes too; of what is leased everything stays. A key is taken only where keys are lanes: elsewhere the whole queue
// would go, which nobody asked for (P8).

import type { Reply } from "./command.ts";
import { historiesOfLane, historiesOfQueue, historyPrefix } from "./keys.ts";
import { flightsOf } from "./lanes.ts";
import { letGo } from "./cancel.ts";
import { noQueue, refused } from "./refusal.ts";
import { flightState, type Flight, type Lane, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { takeOutAll } from "./waiting.ts";

/** `laneName` undefined: all of them. */
export function purge(
  state: State,
  queueName: string,
  laneName: Bytes | undefined,
  dryRun: boolean,
): Reply {
  const queue = state.queues.get(queueName);
  if (queue === undefined) return noQueue(queueName);
  if (laneName !== undefined && queue.options.ordering !== "key") {
    return refused("MALFORMED", `queue ${queueName} is not ordered by key: purge the queue`, "key");
  }
  const lanes = lanesOf(queue, laneName);
  let [messages, keys] = [0, 0];
  const leased: Flight[] = [];
  for (const lane of lanes) {
    const free = lane.messages - lane.leased;
    if (free === 0) continue;
    messages += free;
    keys++;
    if (!dryRun) empty(state, lane);
  }
  // Without order the lanes are priorities: there is one key at most.
  if (queue.unordered) keys = Math.min(keys, 1);
  if (dryRun || messages === 0) return { kind: "purged", messages, keys };
  for (const lane of lanesOf(queue, laneName)) {
    for (const flight of flightsOf(lane)) leased.push(flight);
  }
  deleteRows(state, queue, laneName, leased);
  queue.cancelled += messages;
  state.changedQueue(queue);
  state.digest.mix(queue.id);
  state.digest.mix(messages);
  return { kind: "purged", messages, keys };
}

/** A lane that is not in memory has no messages. */
function lanesOf(queue: Queue, name: Bytes | undefined): Iterable<Lane> {
  if (name === undefined) return queue.lanes.values();
  const lane = queue.lanes.get(name);
  return lane === undefined ? [] : [lane];
}

/** All but what is leased; the rows of what waits are the caller's. */
function empty(state: State, lane: Lane): void {
  for (const flight of flightsOf(lane)) {
    if (flight.state !== flightState.leased) letGo(state, flight);
  }
  takeOutAll(state, lane);
}

/** One range between each two that are leased, not one for each lane: a queue may have a million of them. */
function deleteRows(
  state: State,
  queue: Queue,
  lane: Bytes | undefined,
  leased: readonly Flight[],
): void {
  state.messages.leaveAllBut(queue, lane, leased);
  if (queue.options.historyMs === 0) return;
  const histories =
    lane === undefined ? historiesOfQueue(queue.id) : historiesOfLane(queue.id, lane);
  const kept = leased.map(({ lane: of, keySeq }) => historyPrefix(queue.id, of.name, keySeq));
  state.history.dropAllBut(histories, kept.sort());
}

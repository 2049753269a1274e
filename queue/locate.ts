// From the name of a message, as the API gives it, to its lane and its place there.

import type { MessageRef } from "./command.ts";
import { keySeqInLane } from "./keys.ts";
import { findLane, laneNameAt, missingLane } from "./lanes.ts";
import type { Lane, Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";

/** The key_seq is that of the lane: see keys.ts on queues without order. */
export interface Located {
  readonly lane: Lane;
  readonly keySeq: number;
}

type Place = Pick<MessageRef, "lane" | "keySeq">;

/** undefined: there never was such a lane. Whether the message is there is another question. */
export function locate(state: State, queue: Queue, place: Place): Located | undefined {
  const lane = findLane(state, queue, laneNameAt(queue, place.lane, place.keySeq));
  return lane === undefined ? undefined : { lane, keySeq: inLane(queue, place.keySeq) };
}

/** As locate, with the row that it needs; undefined: that row, or no such lane. */
export function missingToLocate(
  state: State,
  queue: Queue,
  place: Place,
  missing: Set<Bytes>,
): Located | undefined {
  const row = missingLane(state, queue, laneNameAt(queue, place.lane, place.keySeq));
  if (row === undefined) return locate(state, queue, place);
  missing.add(row);
  return undefined;
}

function inLane(queue: Queue, keySeq: number): number {
  return queue.unordered ? keySeqInLane(keySeq) : keySeq;
}

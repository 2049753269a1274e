// Dead letters go back where they came from, at their old place (O5).
//   RD1. Letters of one lane go back from the highest key_seq down: so several that follow each other can come back in order.
//   RD2. Where a later message of the lane is settled the letter stays, unless it is forced.
//   RD3. Its place is that of its message_id. A queue that was deleted, and made again, is another one.
//   RD4. What comes back has no attempts and no time at which it expires. It counts as enqueued, under a new seq.

import { assert } from "./assert.ts";
import { letGo, rests } from "./cancel.ts";
import type { Command, Reply, StoredMessage } from "./command.ts";
import { keepOnAgain, note } from "./history.ts";
import { partsOfMessageRow, rowOfMessageId } from "./keys.ts";
import { findFlight, findLane, idOf, missingLane, priorityOf } from "./lanes.ts";
import { locate, missingToLocate, type Located } from "./locate.ts";
import { noQueue } from "./refusal.ts";
import { flightState, type Lane, type Queue, type State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { canTakeOut, isDelayedLane, isOvertaken, isThere, putBack, takeOut } from "./waiting.ts";

type Redrive = Extract<Command, { kind: "redrive" }>;
type LetterPlace = Redrive["letters"][number];

/** A letter that can be taken, and where it came from. */
interface Return {
  readonly letter: Located;
  readonly message: StoredMessage;
  readonly origin: Located;
}

export function redrive(state: State, command: Redrive): Reply {
  const queue = state.queues.get(command.queue);
  if (queue === undefined) return noQueue(command.queue);
  const returns = new Map<Bytes, Return>();
  for (const place of command.letters) {
    const found = find(state, queue, place);
    if (found !== undefined) returns.set(idOf(found.letter.lane, found.letter.keySeq), found);
  }
  const gone = command.letters.length - returns.size;
  let moved = 0;
  /** Of each lane, what went back; in a dry run nothing of it is there to be seen. */
  const planned = new Map<Lane, number>();
  for (const one of [...returns.values()].sort((a, b) => b.origin.keySeq - a.origin.keySeq)) {
    const { lane, keySeq } = one.origin;
    const before = planned.get(lane) ?? 0;
    const overtaken =
      keySeq < lane.cursor && isOvertaken(lane, keySeq, command.dryRun ? before : 0);
    if (overtaken && !command.force) continue;
    if (!command.dryRun && !moveBack(state, queue, one)) continue;
    if (keySeq < lane.cursor) planned.set(lane, before + 1);
    moved++;
  }
  return { kind: "redriven", moved, refused: returns.size - moved, gone };
}

/** undefined: it is not there (any more), somebody holds it, or there is nowhere to go (RD3). */
function find(state: State, queue: Queue, place: LetterPlace): Return | undefined {
  const letter = locate(state, queue, place);
  if (letter === undefined || !isFree(state, letter)) return undefined;
  const message = state.messages.find(letter.lane, letter.keySeq);
  assert(message !== undefined && message !== "not-here", "a letter that apply needs");
  const origin = originOf(state, message);
  if (origin === undefined) return undefined;
  const lane = findLane(state, origin.queue, origin.lane);
  return lane === undefined
    ? undefined
    : { letter, message, origin: { lane, keySeq: origin.keySeq } };
}

function isFree(state: State, letter: Located): boolean {
  const flight = findFlight(letter.lane, letter.keySeq);
  return flight === undefined ? rests(state, letter) : flight.state !== flightState.leased;
}

function originOf(
  state: State,
  { deadLetter }: StoredMessage,
): { readonly queue: Queue; readonly lane: Bytes; readonly keySeq: number } | undefined {
  if (deadLetter === undefined) return undefined;
  const queue = state.queues.get(deadLetter.queue);
  const row = rowOfMessageId(deadLetter.messageId);
  const place = row === undefined ? undefined : partsOfMessageRow(row);
  if (queue === undefined || place?.queueId !== queue.id) return undefined;
  return { queue, lane: place.lane, keySeq: place.keySeq };
}

/** false: its dead-letter queue cannot be without it (waiting.ts L7). */
function moveBack(state: State, queue: Queue, { letter, message, origin }: Return): boolean {
  const flight = findFlight(letter.lane, letter.keySeq);
  if (flight === undefined && !canTakeOut(state, letter.lane, letter.keySeq)) return false;
  note(state, letter.lane, letter.keySeq, "redriven");
  if (flight === undefined) takeOut(state, letter.lane, letter.keySeq);
  else letGo(state, flight);
  queue.redriven++;
  state.touch(queue);
  state.changedQueue(queue);
  comeBack(state, origin, message);
  return true;
}

/** RD4 */
function comeBack(state: State, { lane, keySeq }: Located, letter: StoredMessage): void {
  const { queue } = lane;
  const { entry } = state;
  assert(entry !== undefined, "a message without a log entry");
  const { key, content } = letter;
  const seq = ++queue.enqueued;
  state.messages.putBack(lane, keySeq, {
    ...{ seq, logIndex: entry.index, enqueuedAt: entry.time, key, content },
    ...{ deadLetter: undefined, notBefore: 0, expiresAt: 0, priority: priorityOf(lane) },
  });
  putBack(state, lane, keySeq, content.length);
  queue.redriven++;
  // It became a letter when it was settled.
  keepOnAgain(state, lane, keySeq, letter.enqueuedAt);
  note(state, lane, keySeq, "redriven");
  state.digest.mix(queue.id);
  state.digest.mix(seq);
  state.digest.mix(keySeq);
}

export function missingToRedrive(state: State, command: Redrive, missing: Set<Bytes>): void {
  const queue = state.queues.get(command.queue);
  if (queue === undefined) return;
  for (const place of command.letters) {
    const letter = missingToLocate(state, queue, place, missing);
    if (letter !== undefined) missingToReturn(state, letter, missing);
  }
}

/** The lane of its origin becomes known only when the letter is there. */
function missingToReturn(state: State, letter: Located, missing: Set<Bytes>): void {
  const { lane, keySeq } = letter;
  if (keySeq < 1 || keySeq > lane.tail || !(isDelayedLane(lane) || isThere(lane, keySeq))) return;
  const message = state.messages.find(lane, keySeq);
  if (message === "not-here") {
    missing.add(state.messages.storedAt(lane, keySeq).row);
    return;
  }
  const origin = message === undefined ? undefined : originOf(state, message);
  if (origin === undefined) return;
  const of = missingLane(state, origin.queue, origin.lane);
  if (of !== undefined) missing.add(of);
}

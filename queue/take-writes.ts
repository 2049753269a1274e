// Everything that changed since the last time, as rows. What changed often is written once; what came and went, not at all.
//   W5. A row is a function of the state at the applied index in the same batch: replicas that take at different moments end with
//       rows that say the same; only which messages lie together, and whether a lane is told with them, depends on these moments
//       (messages.ts).

import { ByteWriter } from "./byte-writer.ts";
import * as keys from "./keys.ts";
import { encodeFlight, encodeLane } from "./lane-row.ts";
import { encodeMeta } from "./meta-row.ts";
import { encodeQueue } from "./queue-row.ts";
import { encodeAnswers, encodeConsumer, encodeReceive, encodeSession } from "./session-row.ts";
import type { Queue, Session, State } from "./state.ts";
import type { Write } from "./store.ts";
import { encodeTopic } from "./topic-codec.ts";
import type { Topic } from "./topic.ts";

const arenaBytesMax = 1024 * 1024;

export function takeWrites(state: State): readonly Write[] {
  const writes: Write[] = [];
  const bytes = state.rows.bytes + state.messages.bytes;
  const writer = new ByteWriter(Math.min(arenaBytesMax, 4096 + bytes));
  for (const queue of state.dirtyQueues) takeQueue(queue, writes, writer);
  state.dirtyQueues.length = 0;
  for (const topic of state.dirtyTopics) takeTopic(topic, writes, writer);
  state.dirtyTopics.length = 0;
  for (const session of state.dirtySessions) takeSession(session, writes, writer);
  state.dirtySessions.length = 0;
  takeTakers(state, writes, writer);
  // Ranges that are deleted are in front of runs and bundles (W7). What of the lanes no bundle tells comes last.
  state.rows.take(writes, writer);
  state.messages.take(writes, writer);
  takeLanes(state, writes, writer);
  state.history.take(writes);
  encodeMeta(writer, state);
  writes.push({ kind: "put", key: keys.metaRow, value: writer.cut() });
  return writes;
}

function takeQueue(queue: Queue, writes: Write[], writer: ByteWriter): void {
  queue.dirty = false;
  const row = keys.queueRow(queue.id);
  if (queue.live) {
    encodeQueue(writer, queue);
    writes.push({ kind: "put", key: row, value: writer.cut() });
    return;
  }
  // Nothing of this queue comes after these in the batch: its id is never used again.
  writes.push({ kind: "delete", key: row });
  for (const range of keys.rangesOfQueue(queue.id)) writes.push({ kind: "delete-range", ...range });
}

function takeTopic(topic: Topic, writes: Write[], writer: ByteWriter): void {
  topic.dirty = false;
  const key = keys.topicRow(topic.id);
  if (topic.live) {
    encodeTopic(writer, topic);
    writes.push({ kind: "put", key, value: writer.cut() });
  } else {
    writes.push({ kind: "delete", key });
  }
}

function takeSession(session: Session, writes: Write[], writer: ByteWriter): void {
  session.dirty = false;
  const row = keys.sessionRow(session.id);
  if (!session.live) {
    writes.push({ kind: "delete", key: row });
    for (const range of keys.rangesOfSession(session.id)) {
      writes.push({ kind: "delete-range", ...range });
    }
    return;
  }
  encodeSession(writer, session);
  writes.push({ kind: "put", key: row, value: writer.cut() });
  for (const block of session.dirtyBlocks) {
    if (!block.live) continue;
    block.dirty = false;
    block.stored = true;
    encodeAnswers(writer, block);
    const key = keys.answersRow(session.id, block.number);
    writes.push({ kind: "put", key, value: writer.cut() });
  }
  session.dirtyBlocks.length = 0;
  for (const number of session.prunedBlocks) {
    writes.push({ kind: "delete", key: keys.answersRow(session.id, number) });
  }
  session.prunedBlocks.length = 0;
}

function takeTakers(state: State, writes: Write[], writer: ByteWriter): void {
  for (const consumer of state.dirtyConsumers) {
    consumer.dirty = false;
    if (!consumer.session.live) continue;
    const key = keys.consumerRow(consumer.session.id, consumer.id);
    if (consumer.live) {
      encodeConsumer(writer, consumer);
      writes.push({ kind: "put", key, value: writer.cut() });
    } else {
      writes.push({ kind: "delete", key });
    }
  }
  state.dirtyConsumers.length = 0;
  for (const call of state.dirtyReceives) {
    call.dirty = false;
    if (!call.session.live) continue;
    const key = keys.receiveRow(call.session.id, call.sequence);
    if (call.live) {
      call.stored = true;
      encodeReceive(writer, call);
      writes.push({ kind: "put", key, value: writer.cut() });
    } else if (call.stored) {
      writes.push({ kind: "delete", key });
    }
  }
  state.dirtyReceives.length = 0;
}

function takeLanes(state: State, writes: Write[], writer: ByteWriter): void {
  for (const lane of state.dirtyLanes) {
    lane.dirty = false;
    if (!lane.queue.live) continue;
    encodeLane(writer, lane);
    const key = keys.laneRow(lane.queue.lanePrefix, lane.name);
    writes.push({ kind: "put", key, value: writer.cut() });
  }
  state.dirtyLanes.length = 0;
  for (const flight of state.dirtyFlights) {
    flight.dirty = false;
    const queue = flight.lane.queue;
    if (!queue.live) continue;
    const key = keys.flightRow(queue.id, flight.keySeq, flight.lane.name);
    if (flight.live) {
      flight.stored = true;
      encodeFlight(writer, flight);
      writes.push({ kind: "put", key, value: writer.cut() });
    } else if (flight.stored) {
      writes.push({ kind: "delete", key });
    }
  }
  state.dirtyFlights.length = 0;
}

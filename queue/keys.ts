// Where everything lies in the ordered store. Numbers are big-endian, so that rows sort by them.
//
//   family   key                                        value (*-row.ts)
//   01       –                                          meta: applied index, clocks, counters, digest
//   02       queue u32                                  definition and totals of a queue
//   03       session u48                                a session: last sequence, floor, life
//   04       session u48, block u48                     remembered answers, answersPerBlock to a row
//   05       session u48, consumer u32                  a consumer and its credit
//   06       session u48, sequence u48                  a receive that waits
//   07       queue u32, lane                            a lane: cursor, tail and, when ordered, what is in flight
//   07       queue u32, 00 01, bundle u48               lanes that a bundle tells (bundle.ts): in front of those with a name
//   08       queue u32, key_seq u48, [sub-lane u8]      a message in flight of a queue without order
//   09       topic u32                                  definition of a topic, and what it retains
//   40       queue u32, lane, 00 01, key_seq u48        a message that lies alone (messages.ts)
//   41       due u48, queue u32, kind u8,               what is to happen at a cluster time (agenda.ts); no value
//            lane, 00 01, key_seq u48
//   42       queue u32, dedup_id                        the message that came with it
//   43       queue u32, lane, 00 01, key_seq u48,       something that happened to a message
//            log index u48, ordinal u16
//   44       topic u32, sequence u48                    a message that a topic retains
//   45       queue u32, lane, 00 01, key_seq u48        a run: messages of a lane, from this one on (message-run.ts)
//   46       as 41, due on the lease clock              windows of dedup_ids that end (dedup.ts); no value
//   47       queue u32, bundle u48                      a bundle: messages of several lanes
//
// In a lane's name 00 is written 00 FF, and 00 01 ends it where something follows: names sort as they are, none is a
// prefix of another. From messages on nothing is read at start-up (loadRange), whatever the backlog.
// Free families between 09 and 40 are for what comes later.
//
// A queue without order is several lanes, one for each priority and for what is delayed: the sub-lane s, 0 to 31, has the
// name of one byte s, and no name for 0. Outside of the lane key_seqs are given as key_seq + s · 2^48.

import { assert } from "./assert.ts";
import type { Bytes } from "./store.ts";

export const family = {
  meta: "\x01",
  queue: "\x02",
  session: "\x03",
  answers: "\x04",
  consumer: "\x05",
  receive: "\x06",
  lane: "\x07",
  flight: "\x08",
  topic: "\x09",
  message: "\x40",
  due: "\x41",
  dedup: "\x42",
  history: "\x43",
  topicMessage: "\x44",
  run: "\x45",
  leaseDue: "\x46",
  bundle: "\x47",
} as const;

export interface KeyRange {
  readonly from: Bytes;
  readonly to: Bytes;
}

/** Every row that a machine is restored from. */
export const loadRange: KeyRange = { from: family.meta, to: family.message };

/** Every row of the state machine, messages included: what a snapshot carries. */
export const stateRange: KeyRange = { from: family.meta, to: "\x50" };

export const metaRow: Bytes = family.meta;

const numberMax = 2 ** 48 - 1;
const laneEnd = "\x00\x01";

export function u32(value: number): Bytes {
  return String.fromCharCode(
    value >>> 24,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  );
}

export function u48(value: number): Bytes {
  assert(value >= 0 && value <= numberMax, "a number that does not fit its place in a key");
  const high = Math.floor(value / 0x1_0000_0000);
  return String.fromCharCode(
    high >>> 8,
    high & 0xff,
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  );
}

export function readU32(key: Bytes, at: number): number {
  return (
    key.charCodeAt(at) * 0x100_0000 +
    (key.charCodeAt(at + 1) << 16) +
    (key.charCodeAt(at + 2) << 8) +
    key.charCodeAt(at + 3)
  );
}

export function readU48(key: Bytes, at: number): number {
  return (
    (key.charCodeAt(at) * 0x100 + key.charCodeAt(at + 1)) * 0x1_0000_0000 + readU32(key, at + 2)
  );
}

function escapeLane(lane: Bytes): Bytes {
  return lane.includes("\x00") ? lane.replaceAll("\x00", "\x00\xff") : lane;
}

function unescapeLane(escaped: Bytes): Bytes {
  return escaped.includes("\x00") ? escaped.replaceAll("\x00\xff", "\x00") : escaped;
}

export function queueRow(queueId: number): Bytes {
  return family.queue + u32(queueId);
}

export function sessionRow(session: number): Bytes {
  return family.session + u48(session);
}

export function answersRow(session: number, block: number): Bytes {
  return family.answers + u48(session) + u48(block);
}

export function consumerRow(session: number, consumer: number): Bytes {
  return family.consumer + u48(session) + u32(consumer);
}

export function receiveRow(session: number, sequence: number): Bytes {
  return family.receive + u48(session) + u48(sequence);
}

export function topicRow(topic: number): Bytes {
  return family.topic + u32(topic);
}

export function topicMessagePrefix(topic: number): Bytes {
  return family.topicMessage + u32(topic);
}

export function topicMessageRow(topic: number, sequence: number): Bytes {
  return topicMessagePrefix(topic) + u48(sequence);
}

export function lanePrefix(queueId: number): Bytes {
  return family.lane + u32(queueId);
}

export function laneRow(prefix: Bytes, lane: Bytes): Bytes {
  return prefix + escapeLane(lane);
}

export function laneOfRow(key: Bytes): { readonly queueId: number; readonly lane: Bytes } {
  return { queueId: readU32(key, 1), lane: unescapeLane(key.slice(5)) };
}

/** `prefix`: of the rows of lanes of a queue. */
export function bundleTellsRow(prefix: Bytes, bundle: number): Bytes {
  return prefix + laneEnd + u48(bundle);
}

/** The number of the bundle, if this row of the family of lanes is what one tells. */
export function bundleOfTellsRow(key: Bytes): number | undefined {
  return key.startsWith(laneEnd, 5) ? readU48(key, 7) : undefined;
}

export function bundleRow(queueId: number, bundle: number): Bytes {
  return family.bundle + u32(queueId) + u48(bundle);
}

/** `subLane`: the name of its lane. */
export function flightRow(queueId: number, keySeq: number, subLane: Bytes): Bytes {
  return family.flight + u32(queueId) + u48(keySeq) + subLane;
}

export function messagePrefix(queueId: number): Bytes {
  return family.message + u32(queueId);
}

export function messageRow(prefix: Bytes, lane: Bytes, keySeq: number): Bytes {
  return prefix + escapeLane(lane) + laneEnd + u48(keySeq);
}

export function runPrefix(queueId: number): Bytes {
  return family.run + u32(queueId);
}

/** `keySeq`: of its first message. */
export function runRow(queueId: number, lane: Bytes, keySeq: number): Bytes {
  return messageRow(runPrefix(queueId), lane, keySeq);
}

export function runsOfLane(queueId: number, lane: Bytes): KeyRange {
  return under(runPrefix(queueId) + escapeLane(lane) + laneEnd);
}

export function historiesOfQueue(queueId: number): KeyRange {
  return under(family.history + u32(queueId));
}

export function historiesOfLane(queueId: number, lane: Bytes): KeyRange {
  return under(family.history + u32(queueId) + escapeLane(lane) + laneEnd);
}

export function messagesOfLane(queueId: number, lane: Bytes): KeyRange {
  return under(messagePrefix(queueId) + escapeLane(lane) + laneEnd);
}

/** What is left of a range without these prefixes, which are sorted and lie in it. */
export function gaps({ from, to }: KeyRange, prefixes: readonly Bytes[]): KeyRange[] {
  const left: KeyRange[] = [];
  let at = from;
  for (const prefix of prefixes) {
    const taken = under(prefix);
    if (at < taken.from) left.push({ from: at, to: taken.from });
    at = taken.to;
  }
  if (at < to) left.push({ from: at, to });
  return left;
}

/** The log index of something that happened. */
export function indexOfHistoryRow(row: Bytes): number {
  return readU48(row, row.length - 8);
}

/** Names a message for ever: the row it lies in, without the family. */
export function messageIdOfRow(row: Bytes): Bytes {
  return row.slice(1);
}

/** The row of a message, given its id; undefined when the id is not one. */
export function rowOfMessageId(id: Bytes): Bytes | undefined {
  const row = family.message + id;
  return partsOfMessageRow(row) === undefined ? undefined : row;
}

export interface MessagePlace {
  readonly queueId: number;
  readonly lane: Bytes;
  readonly keySeq: number;
}

/** `lane` and `keySeq` as they are given outside. */
export function rowOfMessage({ queueId, lane, keySeq }: MessagePlace): Bytes {
  const name = lane === "" ? subLaneName(subLaneOf(keySeq)) : lane;
  return messageRow(messagePrefix(queueId), name, keySeqInLane(keySeq));
}

const subLaneSpan = 2 ** 48;

export function subLaneOf(keySeq: number): number {
  return keySeq < subLaneSpan ? 0 : Math.floor(keySeq / subLaneSpan);
}

export function keySeqInLane(keySeq: number): number {
  return keySeq < subLaneSpan ? keySeq : keySeq % subLaneSpan;
}

export function keySeqOutside(subLane: number, keySeq: number): number {
  return subLane * subLaneSpan + keySeq;
}

export function subLaneName(subLane: number): Bytes {
  return subLane === 0 ? "" : String.fromCharCode(subLane);
}

export function subLaneNumber(name: Bytes): number {
  return name === "" ? 0 : name.charCodeAt(0);
}

export function partsOfMessageRow(row: Bytes): MessagePlace | undefined {
  const end = row.length - 6;
  if (end < 7 || !row.startsWith(laneEnd, end - 2)) return undefined;
  const lane = row.slice(5, end - 2);
  if (/\x00(?!\xff)/.test(lane)) return undefined;
  return { queueId: readU32(row, 1), lane: unescapeLane(lane), keySeq: readU48(row, end) };
}

/** Which clock decides: cluster time, or the lease clock (machine.ts M4). */
export type DueFamily = typeof family.due | typeof family.leaseDue;

export interface DuePlace extends MessagePlace {
  readonly due: number;
  readonly kind: number;
}

/** `lane`: the name of the lane, or what else stands for it. */
export function dueRow(of: DueFamily, { due, queueId, kind, lane, keySeq }: DuePlace): Bytes {
  const place = escapeLane(lane) + laneEnd + u48(keySeq);
  return duePrefix(of, due) + u32(queueId) + String.fromCharCode(kind) + place;
}

/** Everything that is due before is below. */
export function duePrefix(of: DueFamily, due: number): Bytes {
  return of + u48(due);
}

export function dueOfRow(row: Bytes): number {
  return readU48(row, 1);
}

export function partsOfDueRow(row: Bytes): DuePlace {
  const end = row.length - 6;
  return {
    due: dueOfRow(row),
    queueId: readU32(row, 7),
    kind: row.charCodeAt(11),
    lane: unescapeLane(row.slice(12, end - 2)),
    keySeq: readU48(row, end),
  };
}

export function dedupRow(queueId: number, dedupId: Bytes): Bytes {
  return family.dedup + u32(queueId) + dedupId;
}

/** Everything that happened to one message: the rows below, by log index and ordinal. */
export function historyPrefix(queueId: number, lane: Bytes, keySeq: number): Bytes {
  return messageRow(family.history + u32(queueId), lane, keySeq);
}

export function historyRow(prefix: Bytes, logIndex: number, ordinal: number): Bytes {
  return prefix + u48(logIndex) + String.fromCharCode(ordinal >>> 8, ordinal & 0xff);
}

/** All rows below one key prefix. */
export function under(prefix: Bytes): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1);
  assert(prefix.length > 0, "the range below nothing");
  if (last === 0xff) return { from: prefix, to: under(prefix.slice(0, -1)).to };
  return { from: prefix, to: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

/** What goes when a queue goes, besides its own row. */
export function rangesOfQueue(queueId: number): readonly KeyRange[] {
  const id = u32(queueId);
  const { lane, flight, message, run, bundle, dedup, history } = family;
  return [lane, flight, message, run, bundle, dedup, history].map((one) => under(one + id));
}

/** What goes when a topic goes, besides its own row. */
export function rangesOfTopic(topic: number): readonly KeyRange[] {
  return [under(topicMessagePrefix(topic)), under(family.dedup + u32(topic))];
}

/** What goes when a session goes, besides its own row. */
export function rangesOfSession(session: number): readonly KeyRange[] {
  const id = u48(session);
  return [under(family.answers + id), under(family.consumer + id), under(family.receive + id)];
}

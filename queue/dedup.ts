// A producer's own name for a message (`dedup_id`): the second one with it, within the queue's or topic's window, is not stored (O1).
//   DD1. What was seen lies in a row, never in memory; it goes when its window is over, and counts no more from then on.
//   DD2. The window begins with the first message and is not extended. Other content or another key is a conflict.
//   DD3. Windows are counted by the lease clock: a wall clock that jumps an hour ahead stores nothing twice (P9). One that began
//        under rules before version 3 goes on by cluster time; which clock it is, is said at the end of its row.

import { dueKind, type Agenda } from "./agenda.ts";
import { assert } from "./assert.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Enqueued, NewMessage } from "./command.ts";
import { Digest } from "./digest.ts";
import { dedupRow } from "./keys.ts";
import type { State } from "./state.ts";
import type { Bytes } from "./store.ts";
import { leaseClockWindowsSince } from "./version.ts";

/** Part of a row: the number is for ever. A row that says none is of cluster time. */
const leaseClockMark = 1;
type Clock = "cluster-time" | "lease-clock";

/** Sixty-four bits that tell messages apart. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

/** The first message with a dedup_id. */
export interface Seen extends Fingerprint {
  /** Of that clock (DD3). */
  readonly expires: number;
  readonly clock: Clock;
  readonly message: Enqueued;
}

export function fingerprintOf({ key, content }: NewMessage): Fingerprint {
  const digest = new Digest();
  digest.mixBytes(key);
  digest.mix(content.length);
  let word = 0;
  for (let i = 0; i < content.length; i++) {
    word = (word << 8) | (content[i] ?? 0);
    if ((i & 3) === 3) digest.mix(word);
  }
  digest.mix(word);
  return { high: digest.high >>> 0, low: digest.low >>> 0 };
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.high === b.high && a.low === b.low;
}

/** `owner`: id of the queue or topic. undefined: not seen within the window. */
export function seenBefore(state: State, owner: number, dedupId: Bytes): Seen | undefined {
  const seen = stored(state, owner, dedupId);
  return seen !== undefined && seen.expires > now(state, seen.clock) ? seen : undefined;
}

/** The row that seenBefore and rememberSeen need. */
export function missingToSee(
  state: State,
  owner: number,
  dedupId: Bytes,
  missing: Set<Bytes>,
): void {
  const row = dedupRow(owner, dedupId);
  if (state.rows.row(row) === "not-here") missing.add(row);
}

export function rememberSeen(
  state: State,
  dedupId: Bytes,
  fingerprint: Fingerprint,
  message: Enqueued,
  windowMs: number,
): void {
  const queueId = message.queueId;
  // One whose window is over may still be there: its item must not take the new row.
  const before = stored(state, queueId, dedupId);
  if (before !== undefined)
    agendaOf(state, before.clock).remove(itemOf(queueId, dedupId, before.expires));
  const clock = state.version >= leaseClockWindowsSince ? "lease-clock" : "cluster-time";
  const expires = now(state, clock) + windowMs;
  const writer = new ByteWriter(64);
  writer.int(expires);
  writer.u32(fingerprint.high);
  writer.u32(fingerprint.low);
  writer.byteString(message.lane);
  writer.int(message.seq);
  writer.int(message.keySeq);
  if (clock === "lease-clock") writer.u8(leaseClockMark);
  state.rows.putRow(dedupRow(queueId, dedupId), writer.cut());
  agendaOf(state, clock).add(itemOf(queueId, dedupId, expires));
}

function now(state: State, clock: Clock): number {
  return clock === "lease-clock" ? state.leaseClock : state.clusterTime;
}

function agendaOf(state: State, clock: Clock): Agenda {
  return clock === "lease-clock" ? state.windows : state.agenda;
}

function itemOf(queueId: number, dedupId: Bytes, due: number) {
  return { due, queueId, kind: dueKind.dedup, lane: dedupId, keySeq: 0 };
}

function stored(state: State, queueId: number, dedupId: Bytes): Seen | undefined {
  const value = state.rows.row(dedupRow(queueId, dedupId));
  assert(value !== "not-here", "a row that apply needs was not provided");
  if (value === undefined) return undefined;
  const reader = new ByteReader(value);
  const expires = reader.int();
  const [high, low] = [reader.u32(), reader.u32()];
  const lane = reader.byteString();
  const [seq, keySeq] = [reader.int(), reader.int()];
  const clock = reader.done ? "cluster-time" : "lease-clock";
  assert(reader.done || reader.u8() === leaseClockMark, "a window is of a clock that is known");
  return {
    ...{ expires, clock, high, low },
    message: { queueId, lane, seq, keySeq, deduplicated: true },
  };
}

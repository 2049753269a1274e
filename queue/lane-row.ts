// The values of rows of lanes, and of what is in flight: in the row of its lane, or without order in one of its own.

import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Grant } from "./command.ts";
import { Bundled } from "./bundle.ts";
import { LaneMessages } from "./lane-messages.ts";
import { Runs } from "./message-run.ts";
import { Spans } from "./spans.ts";
import type { Flight, FlightState, Lane, SettledBy } from "./state.ts";

const ends: readonly Grant["redelivery"][] = [
  "",
  "nack",
  "release",
  "lease-expired",
  "session-ended",
];

/** In the byte of how the last settlement was: what follows that is often not there. */
const laneMark = {
  settledBy: 0x03,
  runs: 0x04,
  alone: 0x08,
  paused: 0x10,
  gone: 0x20,
  blocked: 0x40,
  /** Without order. */
  delayed: 0x80,
  /** Of a key. */
  bundled: 0x80,
} as const;

export function encodeLane(writer: ByteWriter, lane: Lane): void {
  writer.int(lane.cursor);
  writer.int(lane.tail);
  writer.int(lane.bytes);
  writer.int(lane.ticket);
  writer.int(lane.settledSeq);
  writer.int(lane.settledToken);
  const delayed = lane.pool?.delayed ?? 0;
  writer.u8(
    lane.settledBy +
      (lane.paused ? laneMark.paused : 0) +
      (lane.gone === undefined ? 0 : laneMark.gone) +
      (lane.blocked === undefined ? 0 : laneMark.blocked) +
      (delayed === 0 ? 0 : laneMark.delayed) +
      (lane.stored?.bundled === undefined ? 0 : laneMark.bundled) +
      (lane.stored?.runs === undefined ? 0 : laneMark.runs) +
      (lane.stored?.alone === undefined ? 0 : laneMark.alone),
  );
  lane.gone?.write(writer);
  lane.blocked?.write(writer);
  if (delayed > 0) writer.int(delayed);
  lane.stored?.bundled?.write(writer);
  lane.stored?.runs?.write(writer);
  lane.stored?.alone?.write(writer);
  if (lane.pool !== undefined) return;
  for (let flight = lane.firstFlight; flight !== undefined; flight = flight.nextOfLane) {
    writer.int(flight.keySeq);
    encodeFlight(writer, flight);
  }
}

/** Fills in a lane; what is in flight follows, one readFlight each, until the reader is done. */
export function readLane(reader: ByteReader, lane: Lane): void {
  lane.cursor = reader.int();
  lane.tail = reader.int();
  lane.bytes = reader.int();
  lane.ticket = reader.int();
  lane.settledSeq = reader.int();
  lane.settledToken = reader.int();
  const mark = reader.u8();
  lane.settledBy = (mark & laneMark.settledBy) as SettledBy;
  lane.paused = (mark & laneMark.paused) !== 0;
  if ((mark & laneMark.gone) !== 0) lane.gone = Spans.read(reader);
  if ((mark & laneMark.blocked) !== 0) lane.blocked = Spans.read(reader);
  const { pool, queue } = lane;
  if ((mark & laneMark.delayed) !== 0 && pool !== undefined) pool.delayed = reader.int();
  const bundled = pool === undefined ? laneMark.bundled : 0;
  if ((mark & (bundled | laneMark.runs | laneMark.alone)) === 0) return;
  lane.stored = new LaneMessages();
  if ((mark & bundled) !== 0) lane.stored.bundled = Bundled.read(reader, queue.bundles);
  if ((mark & laneMark.runs) !== 0) lane.stored.runs = Runs.read(reader);
  if ((mark & laneMark.alone) !== 0) lane.stored.alone = Spans.read(reader);
}

/** How new a row of a lane is, among those of the same lane (bundle.ts BU3). */
export function tailOfLane(row: Uint8Array): number {
  const reader = new ByteReader(row);
  reader.int();
  return reader.int();
}

/** The first byte of a flight: its state, whether its time has ended, and whether a field follows that is rarely there. */
const flightMark = { state: 0x0f, expired: 0x40, bytes: 0x80 } as const;

export function encodeFlight(writer: ByteWriter, flight: Flight): void {
  const expired = flight.expired ? flightMark.expired : 0;
  writer.u8(flight.state + expired + (flight.bytes > 0 ? flightMark.bytes : 0));
  writer.u8(ends.indexOf(flight.ended));
  writer.int(flight.token);
  writer.int(flight.attempts);
  writer.int(flight.deliveries);
  writer.int(flight.deadline);
  writer.int(flight.leaseMs);
  writer.int(flight.session?.id ?? 0);
  writer.int(flight.consumerId);
  writer.text(flight.error);
  if (flight.bytes > 0) writer.int(flight.bytes);
}

/** Fills in a flight and returns the id of the session that holds it, 0: none. */
export function readFlight(reader: ByteReader, flight: Flight): number {
  const mark = reader.u8();
  flight.state = (mark & flightMark.state) as FlightState;
  flight.expired = (mark & flightMark.expired) !== 0;
  flight.ended = ends[reader.u8()] ?? "";
  flight.token = reader.int();
  flight.attempts = reader.int();
  flight.deliveries = reader.int();
  flight.deadline = reader.int();
  flight.leaseMs = reader.int();
  const session = reader.int();
  flight.consumerId = reader.int();
  flight.error = reader.text();
  if ((mark & flightMark.bytes) !== 0) flight.bytes = reader.int();
  return session;
}

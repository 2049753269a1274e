// Raft messages as bytes. Entries travel as they are: index and term run on from `previous`, so only the term changes and
// the payloads are said.
//   message = { version u8, kind u8, from u32, to u32, term u48, … }   (little endian; a report has no term, 0)

import {
  decodeMembership,
  encodeMembership,
  type Entry,
  type EntryId,
  type EntryKind,
  type Message,
  type SnapshotId,
} from "../raft/index.ts";
import type { PeerMessage, PeerReport } from "./peer-report.ts";

const version = 1;
const kinds = [
  "pre-vote-request",
  "pre-vote-reply",
  "vote-request",
  "vote-reply",
  "append-request",
  "append-reply",
  "heartbeat",
  "heartbeat-reply",
  "snapshot-chunk",
  "snapshot-chunk-reply",
  "timeout-now",
] as const satisfies readonly Message["kind"][];
/** Far from the kinds of raft/, which go on growing by one. */
const reportKind = 0x80;
const entryKinds = ["noop", "command", "membership"] as const satisfies readonly EntryKind[];

/** Bytes from a peer that are no message. The link is closed; the node goes on. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

class Writer {
  #buffer: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }
  u8(value: number): void {
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }
  u32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }
  u48(value: number): void {
    this.#at = this.#buffer.writeUIntLE(value, this.#at, 6);
  }
  id(value: EntryId): void {
    this.u48(value.term);
    this.u48(value.index);
  }
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }
  raw(value: Uint8Array): void {
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }
  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }
  get over(): boolean {
    return this.#at >= this.#buffer.length;
  }
  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#buffer.length) throw new MalformedMessage("a message is cut short");
    this.#at += bytes;
    return at;
  }
  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }
  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }
  u48(): number {
    return this.#buffer.readUIntLE(this.#take(6), 6);
  }
  id(): EntryId {
    return { term: this.u48(), index: this.u48() };
  }
  bytes(): Uint8Array {
    return this.raw(this.u32());
  }
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }
}

const envelopeBytes = 2 + 4 + 4 + 6;
const idBytes = 12;

function writeSnapshot(writer: Writer, snapshot: SnapshotId): void {
  writer.id(snapshot.last);
  writer.bytes(encodeMembership(snapshot.membership));
}

function readSnapshot(reader: Reader): SnapshotId {
  const last = reader.id();
  const bytes = reader.bytes();
  try {
    return { last, membership: decodeMembership(bytes) };
  } catch (error) {
    throw new MalformedMessage(error instanceof Error ? error.message : String(error));
  }
}

export function messageBytes(message: Message): number {
  switch (message.kind) {
    case "append-request": {
      let bytes = envelopeBytes + idBytes + 6 + 4;
      for (const entry of message.entries) bytes += 6 + 1 + 4 + entry.payload.length;
      return bytes;
    }
    case "snapshot-chunk":
      return (
        envelopeBytes +
        idBytes +
        4 +
        encodeMembership(message.snapshot.membership).length +
        4 +
        1 +
        4 +
        message.data.length
      );
    case "pre-vote-request":
    case "pre-vote-reply":
    case "vote-request":
    case "vote-reply":
    case "append-reply":
    case "heartbeat":
    case "heartbeat-reply":
    case "snapshot-chunk-reply":
    case "timeout-now":
      return 64;
  }
}

export function encodeMessage(message: PeerMessage): Buffer {
  if (message.kind === "report") return encodeReport(message);
  const writer = new Writer(messageBytes(message));
  writer.u8(version);
  writer.u8(kinds.indexOf(message.kind));
  writer.u32(message.from);
  writer.u32(message.to);
  writer.u48(message.term);
  switch (message.kind) {
    case "pre-vote-request":
    case "timeout-now":
      writer.id(message.last);
      break;
    case "vote-request":
      writer.id(message.last);
      writer.u8(message.transfer ? 1 : 0);
      break;
    case "pre-vote-reply":
    case "vote-reply":
      writer.u8(message.granted ? 1 : 0);
      break;
    case "append-request":
      writer.id(message.previous);
      writer.u48(message.commit);
      writer.u32(message.entries.length);
      for (const entry of message.entries) {
        writer.u48(entry.term);
        writer.u8(entryKinds.indexOf(entry.kind));
        writer.bytes(entry.payload);
      }
      break;
    case "append-reply":
      writer.id(message.previous);
      if (message.outcome.kind === "accepted") {
        writer.u8(1);
        writer.id({ term: 0, index: message.outcome.match });
      } else {
        writer.u8(0);
        writer.id(message.outcome.conflict);
      }
      break;
    case "heartbeat":
      writer.u48(message.commit);
      writer.u48(message.round);
      break;
    case "heartbeat-reply":
      writer.u48(message.round);
      break;
    case "snapshot-chunk":
      writeSnapshot(writer, message.snapshot);
      writer.u32(message.chunk);
      writer.u8(message.done ? 1 : 0);
      writer.bytes(message.data);
      break;
    case "snapshot-chunk-reply":
      writer.id(message.last);
      writer.u32(message.next);
      break;
  }
  return writer.done();
}

const digestBytes = 8;

/** Later releases may add to the end of it (peer-report.ts E4). */
function encodeReport(report: PeerReport): Buffer {
  const { digests } = report;
  const writer = new Writer(envelopeBytes + 4 + 4 + 1 + 6 + 1 + digests.length * (6 + digestBytes));
  writer.u8(version);
  writer.u8(reportKind);
  writer.u32(report.from);
  writer.u32(report.to);
  writer.u48(0);
  writer.u32(report.rulesVersion);
  writer.u32(report.rulesVersionMax);
  writer.u8((report.diskLow ? 1 : 0) + (report.diskFreeBytes === undefined ? 0 : 2));
  writer.u48(Math.min(report.diskFreeBytes ?? 0, 2 ** 48 - 1));
  writer.u8(digests.length);
  for (const { index, digest } of digests) {
    writer.u48(index);
    const bytes = Buffer.from(digest, "hex");
    if (bytes.length !== digestBytes) throw new Error(`a digest of ${bytes.length} bytes`);
    writer.raw(bytes);
  }
  return writer.done();
}

function readReport(reader: Reader, { from, to }: { from: number; to: number }): PeerReport {
  const rulesVersion = reader.u32();
  const rulesVersionMax = reader.u32();
  const marks = reader.u8();
  const free = reader.u48();
  const digests = Array.from({ length: reader.u8() }, () => ({
    index: reader.u48(),
    digest: reader.raw(digestBytes).toString("hex"),
  }));
  return {
    kind: "report",
    from,
    to,
    rulesVersion,
    rulesVersionMax,
    digests,
    diskFreeBytes: (marks & 2) === 0 ? undefined : free,
    diskLow: (marks & 1) === 1,
  };
}

/** @throws {MalformedMessage} on any bytes that are not exactly one message. */
export function decodeMessage(bytes: Buffer): PeerMessage {
  const reader = new Reader(bytes);
  const found = reader.u8();
  if (found !== version)
    throw new MalformedMessage(`message version ${found}; expected ${version}`);
  const number = reader.u8();
  const kind = kinds[number];
  const envelope = { from: reader.u32(), to: reader.u32(), term: reader.u48() };
  if (number === reportKind) return readReport(reader, envelope);
  const message = readBody(kind, envelope, reader);
  if (!reader.over) throw new MalformedMessage(`bytes behind a ${message.kind}`);
  return message;
}

function readBody(
  kind: Message["kind"] | undefined,
  envelope: { from: number; to: number; term: number },
  reader: Reader,
): Message {
  switch (kind) {
    case "pre-vote-request":
    case "timeout-now":
      return { kind, ...envelope, last: reader.id() };
    case "vote-request":
      return { kind, ...envelope, last: reader.id(), transfer: reader.u8() === 1 };
    case "pre-vote-reply":
    case "vote-reply":
      return { kind, ...envelope, granted: reader.u8() === 1 };
    case "append-request": {
      const previous = reader.id();
      const commit = reader.u48();
      return { kind, ...envelope, previous, commit, entries: readEntries(reader, previous.index) };
    }
    case "append-reply": {
      const previous = reader.id();
      const accepted = reader.u8() === 1;
      const id = reader.id();
      const outcome = accepted
        ? ({ kind: "accepted", match: id.index } as const)
        : ({ kind: "refused", conflict: id } as const);
      return { kind, ...envelope, previous, outcome };
    }
    case "heartbeat":
      return { kind, ...envelope, commit: reader.u48(), round: reader.u48() };
    case "heartbeat-reply":
      return { kind, ...envelope, round: reader.u48() };
    case "snapshot-chunk": {
      const snapshot = readSnapshot(reader);
      const chunk = reader.u32();
      const done = reader.u8() === 1;
      return { kind, ...envelope, snapshot, chunk, done, data: reader.bytes() };
    }
    case "snapshot-chunk-reply":
      return { kind, ...envelope, last: reader.id(), next: reader.u32() };
    case undefined:
      throw new MalformedMessage("unknown kind of message");
  }
}

function readEntries(reader: Reader, previousIndex: number): Entry[] {
  const count = reader.u32();
  const entries: Entry[] = [];
  for (let i = 1; i <= count; i += 1) {
    const term = reader.u48();
    const kind = entryKinds[reader.u8()];
    if (kind === undefined) throw new MalformedMessage("unknown kind of entry");
    entries.push({ index: previousIndex + i, term, kind, payload: reader.bytes() });
  }
  return entries;
}

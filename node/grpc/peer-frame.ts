// PeerFrame (proto/peer.proto) by hand: one field, written and read without a copy of its parts.

import { MalformedMessage } from "../peer-codec.ts";

const fieldTag = 0x0a; // field 1, length-delimited

export function peerFrame(messages: readonly Buffer[]): Buffer {
  let length = 0;
  for (const message of messages) length += 4 + message.length;
  const frame = Buffer.allocUnsafe(6 + length);
  let at = 0;
  frame[at++] = fieldTag;
  let rest = length;
  while (rest > 0x7f) {
    frame[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  frame[at++] = rest;
  for (const message of messages) {
    at = frame.writeUInt32LE(message.length, at);
    at += message.copy(frame, at);
  }
  return frame.subarray(0, at);
}

/** @throws {MalformedMessage} */
export function peerMessages(frame: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  let at = 0;
  if (frame[at++] !== fieldTag) throw new MalformedMessage("not a peer frame");
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = frame[at++];
    if (byte === undefined || shift > 28) throw new MalformedMessage("bad length of a peer frame");
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (at + length !== frame.length)
    throw new MalformedMessage("a peer frame's length does not match");
  while (at < frame.length) {
    if (at + 4 > frame.length) throw new MalformedMessage("a peer frame is cut short");
    const bytes = frame.readUInt32LE(at);
    at += 4;
    if (at + bytes > frame.length) throw new MalformedMessage("a peer frame is cut short");
    messages.push(frame.subarray(at, at + bytes));
    at += bytes;
  }
  return messages;
}

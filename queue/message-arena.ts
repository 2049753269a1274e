// Messages that came in since the last batch, each as it will lie in its run, one behind the other in large pieces of memory: no
// object for each of them that the garbage collector would have to look at, and little left to do when the batch is taken.
//
//   At each place: length u32 · message-row.ts

import { ByteWriter } from "./byte-writer.ts";
import type { StoredMessage } from "./command.ts";
import { decodeMessage, encodeMessage } from "./message-row.ts";

/** A place is a number: its chunk's times this, and the offset in it. Every message begins below this offset. */
const chunkBytes = 1024 * 1024;
/** A chunk begins smaller than it may become: most nodes are not busy. */
const firstBytes = 32 * 1024;
/** What a message has besides its content, as a rule. */
const headBytes = 256;

/** Of a message that has been put in. */
export type ArenaPlace = number;

export class MessageArena {
  private readonly chunks: ByteWriter[] = [];
  private last: ByteWriter | undefined = undefined;
  /** In use, and never less than before: a message that is settled leaves its bytes behind. */
  bytes = 0;

  add(message: StoredMessage): ArenaPlace {
    const chunk = this.chunkFor(message.content.length + headBytes);
    const offset = chunk.length;
    const mark = chunk.lengthMark();
    encodeMessage(chunk, message);
    chunk.patchLength(mark);
    this.bytes += chunk.length - offset;
    return (this.chunks.length - 1) * chunkBytes + offset;
  }

  /** The content is a view, of bytes that never change. */
  message(place: ArenaPlace): StoredMessage {
    return decodeMessage(this.piece(place).subarray(4));
  }

  /** Its length and what follows. */
  piece(place: ArenaPlace): Uint8Array {
    const offset = place % chunkBytes;
    return this.chunkOf(place).written(offset, offset + this.pieceBytes(place));
  }

  pieceBytes(place: ArenaPlace): number {
    return 4 + this.chunkOf(place).u32At(place % chunkBytes);
  }

  private chunkOf(place: ArenaPlace): ByteWriter {
    const chunk = this.chunks[Math.floor(place / chunkBytes)];
    if (chunk === undefined) throw new RangeError("no place of this arena");
    return chunk;
  }

  private chunkFor(bytes: number): ByteWriter {
    const { last } = this;
    if (last !== undefined && last.length + bytes <= chunkBytes) return last;
    const capacity = this.chunks.length === 0 ? firstBytes : chunkBytes;
    const chunk = new ByteWriter(Math.max(capacity, bytes));
    this.chunks.push(chunk);
    this.last = chunk;
    return chunk;
  }
}

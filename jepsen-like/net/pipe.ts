// One direction of one connection: takes from a socket, has the trouble of its lane, gives to another socket.
//   PI1. What arrives is a beginning of what was sent, in order: after a byte is lost nothing follows, in this direction, ever.
//   PI2. It holds at most `heldBytesMax` and one piece more; beyond that the source is not read.
//   PI3. An end (FIN, RST) travels as bytes do: delayed behind them, swallowed by a black hole.

import type { Socket } from "node:net";
import type { Lane, LaneUser } from "./lane.ts";

/** Per direction of a connection, besides what the sockets themselves buffer. */
const heldBytesMax = 512 * 1024;

type Piece = Buffer | "end" | "reset";

interface Held {
  readonly piece: Piece;
  readonly due: number;
}

export interface PipeEvents {
  /** PI1 leaves nothing to be done but to reset the connection: trouble is over, and bytes are missing. */
  broken(): void;
  /** A reset arrived, or must be handed on. */
  reset(): void;
  /** In [0, 1), for jitter. */
  chance(): number;
}

export class Pipe implements LaneUser {
  readonly #lane: Lane;
  readonly #source: Socket;
  readonly #events: PipeEvents;
  #sink: Socket | undefined;
  #held: Held[] = [];
  #heldBytes = 0;
  #lost = false;
  #sinkIsFull = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(lane: Lane, source: Socket, events: PipeEvents) {
    this.#lane = lane;
    this.#source = source;
    this.#events = events;
    lane.join(this);
    source.on("data", (bytes: Buffer) => this.#take(bytes));
    source.on("end", () => this.#put("end", 0));
    source.pause();
  }

  /** Where it goes; before that nothing is read. */
  flowInto(sink: Socket): void {
    this.#sink = sink;
    sink.on("drain", () => {
      this.#sinkIsFull = false;
      this.#flush();
    });
    this.#throttleSource();
  }

  /** There is no far side: everything is swallowed, and the connection cannot be used any more when the trouble ends. */
  swallowAll(): void {
    this.#lost = true;
    this.#source.resume();
  }

  /** The source was reset. */
  sourceReset(): void {
    this.#put("reset", 0);
  }

  troubled(): void {
    if (this.#closed) return;
    if (this.#lane.swallows) {
      const held = this.#held.splice(0);
      for (const { piece } of held) this.#swallow(piece);
      this.#heldBytes = 0;
    } else if (this.#lost) {
      this.#lane.disturbed += 1;
      this.#events.broken();
      return;
    }
    // Held back by trouble that is no more: goes at once. What is sent from now on is late again, if it is to be.
    this.#held = this.#held.map(({ piece }) => ({ piece, due: 0 }));
    this.#flush();
  }

  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#heldBytes = 0;
    clearTimeout(this.#timer);
    this.#lane.leave(this);
  }

  #take(bytes: Buffer): void {
    const max = this.#lane.pieceBytesMax;
    for (let from = 0; from < bytes.length; from += max) {
      const piece = bytes.subarray(from, Math.min(bytes.length, from + max));
      this.#put(piece, piece.length);
      if (max === Infinity) break;
    }
  }

  #put(piece: Piece, bytes: number): void {
    if (this.#closed) return;
    if (this.#lost || this.#lane.swallows) {
      this.#swallow(piece);
      return;
    }
    const now = performance.now();
    // One that is due before the one in front of it waits for that: they go in order.
    const due = this.#lane.arrival(now, bytes, () => this.#events.chance());
    if (due > now) this.#lane.disturbed += bytes;
    this.#held.push({ piece, due });
    this.#heldBytes += bytes;
    this.#flush();
  }

  #swallow(piece: Piece): void {
    this.#lost = true;
    this.#lane.disturbed += piece instanceof Buffer ? piece.length : 1;
  }

  #flush(): void {
    if (this.#sink === undefined || this.#closed) return;
    const now = performance.now();
    while (!this.#sinkIsFull) {
      const [next] = this.#held;
      if (next === undefined || next.due > now) break;
      this.#held.shift();
      this.#give(next.piece, this.#sink);
    }
    this.#throttleSource();
    clearTimeout(this.#timer);
    const [next] = this.#held;
    if (next !== undefined && !this.#sinkIsFull)
      this.#timer = setTimeout(() => this.#flush(), Math.max(1, next.due - now));
  }

  #give(piece: Piece, sink: Socket): void {
    if (piece === "reset") this.#events.reset();
    else if (piece === "end") sink.end();
    else {
      this.#heldBytes -= piece.length;
      if (!sink.writable) return;
      this.#lane.carried += piece.length;
      this.#sinkIsFull = !sink.write(piece);
    }
  }

  /** PI2. */
  #throttleSource(): void {
    if (this.#closed) return;
    const full = this.#sinkIsFull || this.#heldBytes >= heldBytesMax;
    const wait = full && !this.#lost && !this.#lane.swallows;
    if (wait !== this.#source.isPaused()) {
      if (wait) this.#source.pause();
      else this.#source.resume();
    }
  }
}

// What leaves on one stream: gathered into frames, and counted until the client has taken it.

import { ServerFrameWriter } from "../../proto/frame.ts";
import type { Clock } from "../clock.ts";

/** Bytes in one frame to the client; more goes into the next one. */
export const frameBytesMax = 512 * 1024;

interface OutboxPorts {
  readonly clock: Clock;
  readonly bytesMax: number;
  /** Closes the frame with what is said in each of them. */
  finish(writer: ServerFrameWriter): Buffer;
  /** Hands a frame to gRPC; `taken` when the client has it. */
  write(frame: Buffer, taken: () => void): void;
  /** The outbox has become full. */
  filled(): void;
  /** The client has taken a frame: there may be room. */
  emptied(): void;
}

export class Outbox {
  readonly writer = new ServerFrameWriter();
  readonly #ports: OutboxPorts;
  #open = false;
  #flushScheduled = false;
  /** Bytes handed to gRPC that the client has not taken. */
  #sendingBytes = 0;
  /** Of what is gathered in the writer. */
  #whenTaken: (() => void)[] = [];

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
  }

  open(): void {
    this.#open = true;
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#open = false;
    this.#whenTaken = [];
  }

  /** C1 of stream-service.ts. */
  get isFull(): boolean {
    return this.writer.size + this.#sendingBytes >= this.#ports.bytesMax;
  }

  /** `run` when the client has taken what has been written so far; never if the stream ends before. */
  whenTaken(run: () => void): void {
    this.#whenTaken.push(run);
  }

  /** To be called when something was written: it leaves by the end of this turn of the event loop. */
  flushSoon(): void {
    if (this.writer.size >= frameBytesMax) this.send();
    if (this.isFull) this.#ports.filled();
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#ports.clock.soon(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  /** While gRPC has enough to send, small answers are gathered into larger frames. */
  flush(): void {
    if (this.#sendingBytes < this.#ports.bytesMax) this.send();
  }

  send(): void {
    if (this.writer.size === 0 || !this.#open) return;
    const frame = this.#ports.finish(this.writer);
    const whenTaken = this.#whenTaken;
    if (whenTaken.length > 0) this.#whenTaken = [];
    this.#sendingBytes += frame.length;
    this.#ports.write(frame, () => this.#taken(frame.length, whenTaken));
  }

  #taken(bytes: number, whenTaken: readonly (() => void)[]): void {
    this.#sendingBytes -= bytes;
    if (!this.#open) return;
    for (const run of whenTaken) run();
    this.flush();
    this.#ports.emptied();
  }
}

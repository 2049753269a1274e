// The node's end of a stream, in the shape of grpc-js' ServerDuplexStream.

import { EventEmitter } from "node:events";
import type { Failure } from "../../client/channel.ts";
import type { Process } from "../time.ts";
import type { CallWorld } from "./call-world.ts";
import { code, failureOf } from "./failures.ts";

/** What it is connected to. */
interface Wire {
  deliver(bytes: Buffer, taken: () => void): void;
  end(failure: Failure): void;
  took(bytes: number): void;
}

export class ServerStream extends EventEmitter {
  readonly #world: CallWorld;
  readonly #process: Process;
  readonly #life: number;
  readonly #wire: Wire;
  readonly #incoming: Buffer[] = [];
  #paused = false;
  #flowing = false;
  /** Frames beyond the window, and who wants to know when they left (Q2). */
  readonly #outgoing: { bytes: Buffer; sent: (() => void) | undefined }[] = [];
  #underWayBytes = 0;
  #end: Failure | undefined;
  #over = false;

  constructor(world: CallWorld, process: Process, wire: Wire) {
    super();
    this.#world = world;
    this.#process = process;
    this.#life = process.life;
    this.#wire = wire;
  }

  get #isDead(): boolean {
    return this.#over || this.#process.life !== this.#life;
  }

  receive(bytes: Buffer): void {
    if (this.#isDead) return;
    this.#incoming.push(bytes);
    this.#flow();
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    if (!this.#flowing) this.#world.time.soon(this.#process, () => this.#flow());
    return this;
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    while (!this.#paused && !this.#isDead) {
      const next = this.#incoming.shift();
      if (next === undefined) break;
      this.#wire.took(next.length);
      super.emit("data", next);
    }
    this.#flowing = false;
  }

  write(bytes: Buffer, sent?: () => void): boolean {
    if (this.#isDead || this.#end !== undefined) return false;
    this.#outgoing.push({ bytes: Buffer.from(bytes), sent });
    this.#push();
    return this.#outgoing.length === 0;
  }

  #push(): void {
    while (this.#underWayBytes < this.#world.windowBytes) {
      const next = this.#outgoing.shift();
      if (next === undefined) break;
      const { bytes, sent } = next;
      this.#underWayBytes += bytes.length;
      this.#wire.deliver(bytes, () => {
        this.#underWayBytes -= bytes.length;
        this.#push();
      });
      if (sent !== undefined) this.#world.time.soon(this.#process, sent);
    }
    if (this.#end === undefined || this.#outgoing.length > 0 || this.#over) return;
    this.#over = true;
    this.#wire.end(this.#end);
  }

  end(): this {
    this.#finish({
      code: code.unavailable,
      message: "the server ended the stream",
      error: undefined,
    });
    return this;
  }

  /** As in grpc-js: an `error` that is emitted becomes the status of the call. */
  override emit(event: string, ...args: unknown[]): boolean {
    if (event === "error") this.#finish(failureOf(args[0] as object));
    return this.listenerCount(event) > 0 && super.emit(event, ...args);
  }

  #finish(failure: Failure): void {
    this.#end ??= failure;
    this.#push();
  }

  cancel(): void {
    if (this.#isDead) return;
    this.#over = true;
    super.emit("cancelled");
    super.emit("close");
  }
}

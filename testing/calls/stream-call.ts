// The client's end of a stream, and what carries its frames.

import type { ByteStream, Failure } from "../../client/channel.ts";
import { decodeClientFrame, decodeServerFrame } from "../../proto/frame.ts";
import type { Process } from "../time.ts";
import { Call } from "./call.ts";
import type { CallWorld, Listener, StreamHandler } from "./call-world.ts";
import { code, refusedConnection } from "./failures.ts";
import { ServerStream } from "./server-stream.ts";

export interface StreamHandlers {
  readonly onBytes: (bytes: Buffer) => void;
  readonly onRoom: () => void;
  readonly onEnd: (failure: Failure) => void;
}

export class StreamCall extends Call implements ByteStream {
  readonly #handlers: StreamHandlers;
  #server: ServerStream | undefined;
  /** Bytes that the node has not taken. */
  #untakenBytes = 0;
  #wantsRoom = false;
  #session = 0;

  constructor(world: CallWorld, client: Process, listener: Listener, handlers: StreamHandlers) {
    super(world, client, listener);
    this.#handlers = handlers;
    this.up.send(() => {
      const handler = this.services()?.["Connect"] as StreamHandler | undefined;
      if (handler === undefined) {
        this.down.send(() => this.failed(refusedConnection(listener.name)));
        return;
      }
      this.#server = new ServerStream(world, listener.process, {
        deliver: (bytes, taken) => this.down.send(() => this.#deliver(bytes, taken)),
        end: (failure) => this.down.send(() => this.failed(failure)),
        took: (bytes) => this.down.send(() => this.#took(bytes)),
      });
      handler(this.#server);
    });
  }

  write(bytes: Buffer): boolean {
    if (this.isOver) return true;
    // Its own copy: the writer's buffer may be used again.
    const copy = Buffer.from(bytes);
    this.#untakenBytes += copy.length;
    this.#writeDown(copy);
    this.up.send(() => this.#server?.receive(copy));
    this.#wantsRoom ||= this.#untakenBytes > this.world.windowBytes;
    return this.#untakenBytes <= this.world.windowBytes;
  }

  #writeDown(frame: Buffer): void {
    const { observer, time } = this.world;
    if (observer === undefined) return;
    const { attach, commands } = decodeClientFrame(frame);
    if (attach !== undefined) this.#session = Number(attach.sessionId.split(":")[1]);
    for (const command of commands) observer.said(this.#session, command, time.steps);
  }

  cancel(): void {
    this.clientEnded();
    this.world.time.after(0, this.client, () =>
      this.failed({ code: code.cancelled, message: "Cancelled on client", error: undefined }),
    );
  }

  #deliver(bytes: Buffer, taken: () => void): void {
    if (this.isOver) return;
    const { observer, time } = this.world;
    if (observer !== undefined)
      for (const reply of decodeServerFrame(bytes).replies)
        observer.heard(this.#session, reply, time.steps);
    this.#handlers.onBytes(bytes);
    this.up.send(taken);
  }

  #took(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (this.isOver || !this.#wantsRoom || this.#untakenBytes > this.world.windowBytes / 2) return;
    this.#wantsRoom = false;
    this.#handlers.onRoom();
  }

  failed(failure: Failure): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handlers.onEnd(failure);
  }

  protected cancelled(): void {
    this.#server?.cancel();
  }
}

// What a unary call and a stream have in common: two ends, two directions, and the ways in which they end.

import type { Failure } from "../../client/channel.ts";
import type { Process } from "../time.ts";
import type { CallWorld, Listener, Services } from "./call-world.ts";
import { lost } from "./failures.ts";
import { Pipe } from "./pipe.ts";

/** Both ends of one call. */
export abstract class Call {
  protected readonly world: CallWorld;
  protected readonly client: Process;
  protected readonly listener: Listener;
  protected readonly up: Pipe;
  protected readonly down: Pipe;
  readonly serverLife: number;
  readonly clientLife: number;
  isOver = false;

  constructor(world: CallWorld, client: Process, listener: Listener) {
    this.world = world;
    this.client = client;
    this.listener = listener;
    this.serverLife = listener.process.life;
    this.clientLife = client.life;
    this.up = new Pipe(world, client.name, listener.name, listener.process);
    this.down = new Pipe(world, listener.name, client.name, client);
  }

  get serverName(): string {
    return this.listener.name;
  }

  get clientName(): string {
    return this.client.name;
  }

  protected services(): Services | undefined {
    if (this.listener.process.life !== this.serverLife) return undefined;
    return this.listener.services;
  }

  /** The node's process has ended (Q1). */
  serverEnded(): void {
    this.down.send(() => this.failed(lost));
  }

  clientEnded(): void {
    this.up.send(() => this.cancelled());
  }

  /** Both ends find out. */
  broken(): void {
    const { time } = this.world;
    this.up.closed = true;
    this.down.closed = true;
    time.after(0, this.client, () => this.failed(lost));
    time.after(0, this.listener.process, () => this.cancelled());
  }

  abstract failed(failure: Failure): void;
  protected abstract cancelled(): void;
}

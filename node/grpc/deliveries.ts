// The deliveries of one stream: grants that wait, their bodies, and the frames they go into (D2, D3 of streams.ts).

import type { Grant } from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import type { Node } from "../node.ts";
import type { LoadedDelivery } from "../streams.ts";
import { deliveryBytes } from "../wire.ts";
import { frameBytesMax, type Outbox } from "./outbox.ts";

/** Grants whose bodies are loaded at once: at most, and before anything is known about their size. */
const loadAtOnce = { max: 512, first: 16 } as const;
/** Grants that may wait before it is looked up which of them still are leases. */
const undeliveredBeforeLook = 4_096;

interface DeliveriesPorts {
  readonly node: Node;
  readonly bodies: Bodies;
  readonly outbox: Outbox;
  /** The session's live leases, oldest first. */
  live(): readonly Grant[];
  /** Settles a delivery that the client has taken (ON_DELIVERY). */
  settle(grant: Grant): void;
}

export class Deliveries {
  readonly #ports: DeliveriesPorts;
  #open = false;
  #undelivered: Grant[] = [];
  #lookAt = undeliveredBeforeLook;
  #loadAtOnce: number = loadAtOnce.first;
  #loading = false;
  /** Consumers whose deliveries the server settles. */
  readonly #settling = new Set<number>();

  constructor(ports: DeliveriesPorts) {
    this.#ports = ports;
  }

  /** What the session holds already comes again, with the same tokens; what is granted from now on follows (O2). */
  open(): void {
    this.#open = true;
    this.#undelivered = [...this.#ports.live()];
  }

  close(): void {
    this.#open = false;
    this.#undelivered = [];
  }

  granted(grants: readonly Grant[]): void {
    for (const grant of grants) if (grant.consumer !== 0) this.#undelivered.push(grant);
    if (this.#undelivered.length > this.#lookAt) this.#dropEnded();
    this.deliver();
  }

  /** Who settles the deliveries of this consumer. What it got on this stream before is settled now. */
  settleOnDelivery(consumer: number, on: boolean): void {
    if (!on) this.#settling.delete(consumer);
    if (!on || this.#settling.has(consumer)) return;
    this.#settling.add(consumer);
    if (!this.#open) return;
    const waiting = new Set(this.#undelivered.map(({ token }) => token));
    for (const grant of this.#ports.live()) {
      if (grant.consumer === consumer && !waiting.has(grant.token)) this.#settleWhenTaken(grant);
    }
  }

  /** A client that takes nothing gets leases that expire, again and again: only the live ones are kept (R11). */
  #dropEnded(): void {
    const live = new Set<number>();
    for (const { token } of this.#ports.live()) live.add(token);
    this.#undelivered = this.#undelivered.filter(({ token }) => live.has(token));
    this.#lookAt = Math.max(undeliveredBeforeLook, 2 * this.#undelivered.length);
  }

  deliver(): void {
    const { bodies, outbox } = this.#ports;
    while (this.#undelivered.length > 0 && !this.#loading && this.#open) {
      if (outbox.isFull) return;
      const grants = this.#undelivered.slice(0, this.#loadAtOnce);
      this.#undelivered = this.#undelivered.slice(grants.length);
      const loaded = bodies.inMemory(grants);
      if (loaded !== undefined) {
        this.#write(loaded);
        continue;
      }
      this.#loading = true;
      bodies.load(grants).then(
        (fromDisk) => {
          this.#loading = false;
          if (!this.#open) return;
          this.#write(fromDisk);
          this.deliver();
        },
        // The node has ended, or leads no longer: then this stream is over, or will be.
        () => undefined,
      );
    }
  }

  #write(loaded: readonly LoadedDelivery[]): void {
    const { outbox } = this.#ports;
    const { machine } = this.#ports.node;
    let bytes = 0;
    for (const { grant, message } of loaded) {
      if (message === undefined) continue;
      bytes += message.content.length;
      outbox.writer.addDelivery(deliveryBytes(grant, message, machine));
      if (this.#settling.size > 0 && this.#settling.has(grant.consumer))
        this.#settleWhenTaken(grant);
      if (outbox.writer.size >= frameBytesMax) outbox.send();
    }
    // The next ones are probably as large: about a frame of them at once.
    const mean = bytes / loaded.length + 1;
    this.#loadAtOnce = Math.max(1, Math.min(loadAtOnce.max, Math.floor(frameBytesMax / mean)));
    outbox.flushSoon();
  }

  #settleWhenTaken(grant: Grant): void {
    this.#ports.outbox.whenTaken(() => this.#ports.settle(grant));
  }
}

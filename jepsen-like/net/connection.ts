// One connection through a proxy: what was dialled, what is dialled on, and a pipe each way.
//   CO1. It ends as one: when both ends have closed, or by a reset of both. The exception is `halfOpen`, which is the fault.

import { connect, type Socket } from "node:net";
import type { Lane } from "./lane.ts";
import { Pipe, type PipeEvents } from "./pipe.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** `forward` carries what the dialling end sends, `backward` what it is answered. */
export interface Lanes {
  readonly forward: Lane;
  readonly backward: Lane;
}

export class Connection {
  readonly #near: Socket;
  readonly #far: Socket | undefined;
  readonly #forward: Pipe;
  readonly #backward: Pipe | undefined;
  readonly #lanes: Lanes;
  readonly #onClose: () => void;
  readonly #watch: { troubled(): void };
  #halfCut = false;
  #closed = false;

  /** `near` was accepted just now. `chance`: in [0, 1), for jitter. */
  constructor(
    near: Socket,
    target: Target,
    lanes: Lanes,
    chance: () => number,
    onClose: () => void,
  ) {
    this.#near = near;
    this.#lanes = lanes;
    this.#onClose = onClose;
    const broken = (): void => this.reset();
    const events: PipeEvents = { broken, reset: broken, chance };
    this.#watch = { troubled: () => this.#troubled() };
    lanes.forward.join(this.#watch);
    lanes.backward.join(this.#watch);
    near.setNoDelay(true);
    this.#forward = new Pipe(lanes.forward, near, events);
    this.#ends(near, () => this.#forward);
    if (lanes.forward.swallows) {
      // The call to connect would not have arrived.
      lanes.forward.disturbed += 1;
      this.#forward.swallowAll();
      return;
    }
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#far = far;
    this.#backward = new Pipe(lanes.backward, far, events);
    this.#ends(far, () => this.#backward);
    this.#forward.flowInto(far);
    this.#backward.flowInto(near);
  }

  /** Ends both sides at once, as a reset does. */
  reset(): void {
    if (this.#closed) return;
    this.#close();
    this.#near.resetAndDestroy();
    this.#far?.resetAndDestroy();
  }

  #ends(socket: Socket, pipe: () => Pipe | undefined): void {
    socket.on("error", () => pipe()?.sourceReset());
    socket.on("close", () => {
      const other = socket === this.#near ? this.#far : this.#near;
      if (other === undefined || other.destroyed) this.#close();
      // Closed, but its end has not been handed on: a black hole has it, or the delay.
    });
  }

  #troubled(): void {
    const { forward, backward } = this.#lanes;
    const bad = [forward, backward].find((lane) => lane.refuses);
    if (bad === undefined) {
      // Whoever sends on half a connection is told now, as by a host that knows nothing of it.
      if (this.#halfCut) this.reset();
      return;
    }
    if (this.#halfCut) return;
    bad.disturbed += 1;
    if (bad.trouble.reset === true) this.reset();
    else this.#cutHalf(bad);
  }

  /** The end that sends is told that the connection is gone, the other one is not: its bytes go nowhere. */
  #cutHalf(lane: Lane): void {
    this.#halfCut = true;
    const sender = lane === this.#lanes.forward ? this.#near : this.#far;
    const kept = lane === this.#lanes.forward ? this.#backward : this.#forward;
    this.#forward.close();
    this.#backward?.close();
    kept?.swallowAll();
    sender?.resetAndDestroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forward.close();
    this.#backward?.close();
    this.#lanes.forward.leave(this.#watch);
    this.#lanes.backward.leave(this.#watch);
    this.#onClose();
  }
}

// One direction of a connection.

import type { Process } from "../time.ts";
import type { CallWorld } from "./call-world.ts";

/** In order, late, and not at all while the network is cut. */
export class Pipe {
  readonly #world: CallWorld;
  readonly #from: string;
  readonly #to: string;
  readonly #receiver: Process;
  #lastAt = 0;
  #waiting: (() => void)[] = [];
  #isHeld = false;
  closed = false;

  constructor(world: CallWorld, from: string, to: string, receiver: Process) {
    this.#world = world;
    this.#from = from;
    this.#to = to;
    this.#receiver = receiver;
  }

  send(run: () => void): void {
    if (this.closed) return;
    if (this.#isHeld) {
      this.#waiting.push(run);
      return;
    }
    const { network, time } = this.#world;
    network.through(this.#from, this.#to, () => {
      const at = Math.max(this.#lastAt, time.now + network.delay(this.#from, this.#to));
      this.#lastAt = at;
      time.at(at, this.#receiver, () => this.#arrive(run));
    });
  }

  #arrive(run: () => void): void {
    if (this.closed) return;
    if (this.#isHeld || this.#world.network.isCut(this.#from, this.#to)) {
      this.#waiting.push(run);
      if (!this.#isHeld) this.#hold();
      return;
    }
    run();
  }

  #hold(): void {
    this.#isHeld = true;
    const { network } = this.#world;
    network.onHeal(() => {
      if (network.isCut(this.#from, this.#to)) {
        this.#hold();
        return;
      }
      this.#isHeld = false;
      for (const run of this.#waiting.splice(0)) this.send(run);
    });
  }
}

// One direction between two ends, in all connections that carry bytes that way, and the trouble that it has now.

import type { Trouble } from "./contract.ts";

/** What a lane tells: its trouble was replaced. */
export interface LaneUser {
  troubled(): void;
}

export class Lane {
  readonly #users = new Set<LaneUser>();
  #trouble: Trouble = {};
  /** When what was sent last has left, at the rate of the throttle: it is of the lane, not of one connection. */
  #freeAt = 0;
  /** Bytes that arrived. */
  carried = 0;
  /** Bytes swallowed or held back, connections refused or reset. */
  disturbed = 0;

  get trouble(): Trouble {
    return this.#trouble;
  }

  set(trouble: Trouble | undefined): void {
    this.#trouble = trouble ?? {};
    this.#freeAt = 0;
    for (const user of [...this.#users]) user.troubled();
  }

  join(user: LaneUser): void {
    this.#users.add(user);
  }

  leave(user: LaneUser): void {
    this.#users.delete(user);
  }

  /** A connection may not be opened. */
  get refuses(): boolean {
    return this.#trouble.reset === true || this.#trouble.halfOpen === true;
  }

  get swallows(): boolean {
    return this.#trouble.blackHole === true;
  }

  /** Pieces of at most so many bytes, so that a slow lane flows instead of standing and jumping. */
  get pieceBytesMax(): number {
    const { bytesPerSecond } = this.#trouble;
    return bytesPerSecond === undefined ? Infinity : Math.max(1, Math.floor(bytesPerSecond / 20));
  }

  /** When a piece that is sent now arrives: milliseconds, on the clock of `now`. `chance` is in [0, 1). */
  arrival(now: number, bytes: number, chance: () => number): number {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond } = this.#trouble;
    let at = now;
    if (bytesPerSecond !== undefined) {
      this.#freeAt = Math.max(this.#freeAt, now) + (bytes / bytesPerSecond) * 1000;
      at = this.#freeAt;
    }
    return at + Math.max(0, delayMs + (jitterMs === 0 ? 0 : jitterMs * (2 * chance() - 1)));
  }
}

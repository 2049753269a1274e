// The leader's alarm: messages are ready, somebody has credit, and still nothing is delivered. The state machine never leaves a
// queue so (J1 of queue/grants.ts); should it do so all the same, nobody would notice but by waiting.

import type { StalledQueue } from "../queue/index.ts";

const lookMs = 5_000;
/** A queue that is so for this long is stalled. */
export const stalledMs = 10_000;

export class StallWatch {
  #lookedAt: number | undefined;
  /** When each of them was first seen so; undefined: it has been told. */
  #since = new Map<string, number | undefined>();

  /** To be called often. Each stall is told once, until the queue goes on. */
  look(nowMs: number, stalledQueues: () => readonly StalledQueue[]): StalledQueue[] {
    if (this.#lookedAt !== undefined && nowMs - this.#lookedAt < lookMs) return [];
    this.#lookedAt = nowMs;
    const before = this.#since;
    this.#since = new Map();
    const alarming: StalledQueue[] = [];
    for (const stalled of stalledQueues()) {
      const since = before.has(stalled.queue) ? before.get(stalled.queue) : nowMs;
      const isAlarming = since !== undefined && nowMs - since >= stalledMs;
      if (isAlarming) alarming.push(stalled);
      this.#since.set(stalled.queue, isAlarming ? undefined : since);
    }
    return alarming;
  }

  /** This node leads no longer. */
  forget(): void {
    this.#lookedAt = undefined;
    this.#since.clear();
  }
}

// Producers at the pace of the consumers, while the leader has its hands full. Both sides are served in the same rounds through
// the log, so a producer that has more under way than consumers have credit gets ahead of them; the more it is ahead, the older
// everything is that they get, and the more of the leader's time is spent on what nobody can take yet.
//   PA1. A stream is held only after a frame of messages for queues that are all ahead of their consumers, and only while this node
//        is busy settling: `busySettlements` under way on the mean. While nothing is short of time, or consumers take theirs, only
//        a few are (Little's law: their rate times the time of a round), and nobody is held.
//   PA2. It goes on when one of its queues is no longer ahead or the node no longer busy, as soon as something is applied; at the
//        latest when its turn has come if all that are held have `enqueueFloor` messages a second, and after `holdMsMax`.
//   PA3. To hold is not to read on: nothing is refused, nothing piles up in the node, and what was taken before is answered.

import type { Clock, Timer } from "./clock.ts";

/** An unhurried leader has a few, one at its limit some hundreds (docs/performance.md). */
const busySettlements = 64;
/** The mean forgets two thirds in this time: some rounds of a busy leader. */
const meanMs = 50;
/** Far below the silence after which a client looks for another node, 1.5 s. */
const holdMsMax = 200;

interface PacingPorts {
  readonly clock: Clock;
  /** Messages a second, of all held streams together; 0: nobody is held. */
  readonly enqueueFloor: number;
  /** Whether the consumers of a queue hold all that they have credit for, and more could be handed out. */
  readonly isAhead: (queue: string) => boolean;
}

/** A stream that is not read on. */
export interface Hold {
  /** The stream has ended: it is not to go on. */
  end(): void;
}

interface Held {
  readonly queues: readonly string[];
  /** Its share of the floor. */
  readonly turnMs: number;
  readonly resume: () => void;
  timer: Timer | undefined;
}

export class Pacing {
  readonly #ports: PacingPorts;
  readonly #held = new Set<Held>();
  /** When those that are held have all had their turn. */
  #turnsEndMs = 0;
  /** Settlements under way; of them, those answered since `#lookedMs`. */
  #settling = 0;
  #settled = 0;
  /** Of `#settling`, over time. */
  #mean = 0;
  #lookedMs = 0;

  constructor(ports: PacingPorts) {
    this.#ports = ports;
  }

  /** A settlement was handed in. */
  settling(): void {
    this.#look();
    this.#settling += 1;
  }

  /** One that was handed in has its answer, or will never have one. */
  settled(): void {
    this.#settled += 1;
  }

  /** PA1, after a frame with so many messages for each of these queues. `resume` is called once, unless the hold is ended before. */
  hold(messages: ReadonlyMap<string, number>, resume: () => void): Hold | undefined {
    const { clock, enqueueFloor, isAhead } = this.#ports;
    if (enqueueFloor === 0 || !this.#isBusy) return undefined;
    const queues = [...messages.keys()];
    if (!queues.every(isAhead)) return undefined;
    let total = 0;
    for (const count of messages.values()) total += count;
    const held: Held = { queues, turnMs: (1_000 * total) / enqueueFloor, resume, timer: undefined };
    const now = clock.monotonicMs();
    this.#turnsEndMs = Math.max(this.#turnsEndMs, now) + held.turnMs;
    held.timer = clock.after(Math.min(this.#turnsEndMs - now, holdMsMax), () => {
      this.#held.delete(held);
      resume();
    });
    this.#held.add(held);
    return { end: () => this.#leave(held) };
  }

  /** PA2: something was applied. */
  applied(): void {
    // Also with nobody held: what was answered is not under way any longer.
    const isBusy = this.#isBusy;
    for (const held of this.#held) {
      if (isBusy && held.queues.every(this.#ports.isAhead)) continue;
      this.#leave(held);
      held.resume();
    }
  }

  /** Before its turn, which is for the others then. */
  #leave(held: Held): void {
    if (!this.#held.delete(held)) return;
    held.timer?.stop();
    this.#turnsEndMs -= held.turnMs;
  }

  get #isBusy(): boolean {
    this.#look();
    return this.#mean >= busySettlements;
  }

  /** What was under way until now counts by how long it was. */
  #look(): void {
    const now = this.#ports.clock.monotonicMs();
    const kept = Math.exp((this.#lookedMs - now) / meanMs);
    this.#mean = this.#mean * kept + this.#settling * (1 - kept);
    this.#lookedMs = now;
    this.#settling -= this.#settled;
    this.#settled = 0;
  }
}

// Producers at the pace of the consumers, while the leader has its hands full. Both sides are served in the same rounds through
// the log, so a producer that has more under way than consumers have credit gets ahead of them; the more it is ahead, the older
// everything is that they get, and the more of the leader's time is spent on what nobody can take yet.
//   PA1. A stream is held only after a frame of messages for queues that are all ahead of their consumers, and whose consumers
//        wait for the leader rather than it for them: at least `waitingShare` of what they hold is being settled, on the mean. And
//        only while this node is busy: `busySettlements` under way, on the mean. An unhurried one has a few (Little's law: the
//        rate times the time of a round).
//   PA2. It goes on when that is true no longer of one of its queues, as soon as something is applied; at the latest when its turn
//        has come if all that are held have `paceShare` of the rate at which is settled, and `enqueueFloor` messages a second, and
//        after `holdMsMax`. So a backlog gets smaller, however large it is, but producers do not wait until it is gone.
//   PA3. To hold is not to read on: nothing is refused, nothing piles up in the node, and what was taken before is answered.

import type { Clock, Timer } from "./clock.ts";

/** A leader at its limit has some hundreds (docs/performance.md). */
const busySettlements = 64;
/**
 * A round through the log takes some 20 ms at the limit of two cores, consumers that are done at once have what they hold for 4 of
 * them: four fifths. Where a message is 50 ms of work it is less than a third.
 */
const waitingShare = 1 / 3;
/** A mean forgets two thirds in this time: some rounds of a busy leader. */
const meanMs = 50;
/** The rest of it is for the backlog. */
const paceShare = 3 / 4;
/** Far below the silence after which a client looks for another node, 1.5 s. */
const holdMsMax = 200;
/** Means of queues in which nothing was settled for so long are let go. */
const forgetMs = 1_000;

interface PacingPorts {
  readonly clock: Clock;
  /** Messages a second that all held streams together have in any case; 0: nobody is held. */
  readonly enqueueFloor: number;
  /** What the consumers of a queue hold, when that is all that they have credit for and more could be handed out; else 0. */
  readonly leasesWhenAhead: (queue: string) => number;
}

/** A stream that is not read on. */
export interface Hold {
  /** The stream has ended: it is not to go on. */
  end(): void;
}

interface Held {
  readonly queues: readonly string[];
  /** How much of the time it has for itself: what its last frame takes at the rate that those who are held have. */
  readonly turnMs: number;
  readonly resume: () => void;
  timer: Timer | undefined;
}

/** How many settlements are under way, and answered, over time. */
class Meter {
  mean = 0;
  /** Answered in a millisecond, on the mean. */
  rate = 0;
  lookedMs = 0;
  #underWay = 0;
  #begun = 0;
  #answered = 0;

  begin(): void {
    this.#begun += 1;
  }

  /** It has its answer, or will never have one. */
  answer(): void {
    this.#answered += 1;
  }

  /** What was under way until now counts by how long it was; what began or was answered since the last look did so now. */
  look(now: number): void {
    const kept = Math.exp((this.lookedMs - now) / meanMs);
    this.mean = this.mean * kept + this.#underWay * (1 - kept);
    this.rate = this.rate * kept + this.#answered / meanMs;
    this.lookedMs = now;
    this.#underWay += this.#begun - this.#answered;
    this.#begun = 0;
    this.#answered = 0;
  }

  isForgotten(now: number): boolean {
    return this.#underWay === 0 && this.#begun === 0 && now - this.lookedMs > forgetMs;
  }
}

export class Pacing {
  readonly #ports: PacingPorts;
  readonly #held = new Set<Held>();
  /** When those that are held have all had their turn. */
  #turnsEndMs = 0;
  readonly #all = new Meter();
  readonly #meters = new Map<string, Meter>();
  /** Of queues in which something began or was answered since the last look. */
  readonly #changed = new Set<Meter>();
  #sweptMs = 0;

  constructor(ports: PacingPorts) {
    this.#ports = ports;
  }

  /** A settlement was handed in; what this returns is to be called when it is answered. `look` follows in this turn. */
  settling(queue: string): () => void {
    let meter = this.#meters.get(queue);
    if (meter === undefined) {
      meter = new Meter();
      this.#meters.set(queue, meter);
    }
    const [all, changed, one] = [this.#all, this.#changed, meter];
    all.begin();
    one.begin();
    changed.add(one);
    return () => {
      all.answer();
      one.answer();
      changed.add(one);
    };
  }

  /** After each frame with settlements. */
  look(): void {
    const now = this.#ports.clock.monotonicMs();
    this.#all.look(now);
    for (const meter of this.#changed) meter.look(now);
    this.#changed.clear();
    if (now - this.#sweptMs < forgetMs) return;
    this.#sweptMs = now;
    for (const [queue, meter] of this.#meters)
      if (meter.isForgotten(now)) this.#meters.delete(queue);
  }

  /** Whether anybody may be held now: to be asked before it is counted what a frame has brought. */
  get isBusy(): boolean {
    if (this.#ports.enqueueFloor === 0) return false;
    this.look();
    return this.#isBusy;
  }

  get #isBusy(): boolean {
    return this.#all.mean >= busySettlements;
  }

  /** PA1, after a frame with so many messages for each of these queues. `resume` is called once, unless the hold is ended before. */
  hold(messages: ReadonlyMap<string, number>, resume: () => void): Hold | undefined {
    const { clock, enqueueFloor } = this.#ports;
    if (!this.isBusy) return undefined;
    const queues = [...messages.keys()];
    if (!this.#isToHold(queues)) return undefined;
    let total = 0;
    for (const count of messages.values()) total += count;
    const perMs = Math.max(enqueueFloor / 1_000, this.#all.rate * paceShare);
    const now = this.#all.lookedMs;
    const beginsMs = Math.max(this.#turnsEndMs, now);
    // Nobody waits for turns that are not waited for.
    this.#turnsEndMs = Math.min(beginsMs + total / perMs, now + holdMsMax);
    const held: Held = { queues, turnMs: this.#turnsEndMs - beginsMs, resume, timer: undefined };
    held.timer = clock.after(this.#turnsEndMs - now, () => {
      this.#held.delete(held);
      resume();
    });
    this.#held.add(held);
    return { end: () => this.#leave(held) };
  }

  /** PA2: something was applied. */
  applied(): void {
    // Also with nobody held: what was answered is not under way any longer.
    this.look();
    for (const held of this.#held) {
      if (this.#isToHold(held.queues)) continue;
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

  #isToHold(queues: readonly string[]): boolean {
    return this.#isBusy && queues.every((queue) => this.#isAhead(queue));
  }

  #isAhead(queue: string): boolean {
    const leases = this.#ports.leasesWhenAhead(queue);
    const meter = this.#meters.get(queue);
    if (leases === 0 || meter === undefined) return false;
    meter.look(this.#all.lookedMs);
    return meter.mean >= leases * waitingShare;
  }
}

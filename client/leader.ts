// Where the leader may be. Remembers what was found out, decides where to ask next; connects to nothing itself.
//
//   F1. A hint is followed at most once for each term: stale hints that point at each other end in the round, not in a loop.
//   F2. An endpoint that hung is asked last for a while: asking costs a whole watchdog.
//   F3. Every endpoint is asked again and again as long as no leader is found (H7).

import type { Clock } from "./clock.ts";

export interface Hint {
  readonly endpoint: string;
  readonly term: number;
}

/** Hints teach endpoints that were not configured: at most so many are kept. */
const learnedMax = 32;
const hungForMs = 5_000;
const refusedForMs = 2_000;

export class LeaderFinder {
  readonly #clock: Clock;
  readonly #endpoints: string[];
  readonly #configured: number;
  readonly #refused = new Map<string, { readonly term: number; readonly until: number }>();
  readonly #hungUntil = new Map<string, number>();
  #position = 0;
  #hint: Hint | undefined;
  #current: string | undefined;
  #askedInRound = 0;
  #followed: Hint | undefined;

  constructor(endpoints: readonly string[], clock: Clock) {
    this.#endpoints = [...endpoints];
    this.#configured = endpoints.length;
    this.#clock = clock;
  }

  /** The endpoint that was last known to lead. */
  get current(): string | undefined {
    return this.#current;
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Whom to ask now. */
  next(): string {
    this.#askedInRound++;
    if (this.#current !== undefined) return this.#current;
    const hint = this.#hint;
    if (hint !== undefined) {
      this.#hint = undefined;
      if (!this.#isRefused(hint)) {
        this.#followed = hint;
        return hint.endpoint;
      }
    }
    const count = this.#endpoints.length;
    for (let i = 0; i < count; i++) {
      const endpoint = this.#endpoints[this.#position++ % count] as string;
      if ((this.#hungUntil.get(endpoint) ?? 0) <= this.#clock.now()) return endpoint;
    }
    return this.#endpoints[this.#position++ % count] as string;
  }

  /** True once per round through the endpoints: time to pause. */
  roundIsOver(): boolean {
    if (this.#hint !== undefined && !this.#isRefused(this.#hint)) return false;
    if (this.#askedInRound < this.#endpoints.length) return false;
    this.#askedInRound = 0;
    return true;
  }

  leads(endpoint: string): void {
    this.#learn(endpoint);
    this.#current = endpoint;
    this.#hint = undefined;
    this.#askedInRound = 0;
    this.#hungUntil.delete(endpoint);
    this.#refused.delete(endpoint);
  }

  /** It does not lead, or cannot be reached. `term`: the highest at which that is known. */
  refused(endpoint: string, term: number): void {
    if (this.#current === endpoint) this.#current = undefined;
    // Going round continues behind it: asking it again comes last.
    this.#position = this.#endpoints.indexOf(endpoint) + 1;
    const known = this.#refused.get(endpoint)?.term ?? 0;
    const hinted = this.#followed?.endpoint === endpoint ? this.#followed.term : 0;
    const until = this.#clock.now() + refusedForMs;
    this.#refused.set(endpoint, { term: Math.max(term, known, hinted), until });
  }

  /** It took a connection or a call and then said nothing. */
  hung(endpoint: string, term: number): void {
    this.refused(endpoint, term);
    this.#hungUntil.set(endpoint, this.#clock.now() + hungForMs);
  }

  /** Somebody says that `hint.endpoint` leads. */
  hinted(hint: Hint): void {
    if (hint.endpoint === "" || this.#isRefused(hint)) return;
    if (this.#hint !== undefined && this.#hint.term > hint.term) return;
    this.#learn(hint.endpoint);
    this.#hint = hint;
  }

  #isRefused(hint: Hint): boolean {
    const refused = this.#refused.get(hint.endpoint);
    return refused !== undefined && refused.term >= hint.term && refused.until > this.#clock.now();
  }

  #learn(endpoint: string): void {
    if (this.#endpoints.includes(endpoint)) return;
    if (this.#endpoints.length === this.#configured + learnedMax) {
      this.#endpoints.splice(this.#configured, 1);
    }
    this.#endpoints.push(endpoint);
  }
}

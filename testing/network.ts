// What lies between the machines: for each ordered pair of names a delay, losses, and whether it is cut. Peer links lose,
// double and reorder messages (B11); the connections of clients (calls.ts) keep their order, as TCP does, and only wait.

import type { Random } from "./random.ts";
import type { Time } from "./time.ts";

export interface Weather {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of the messages between nodes: probabilities. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
}

export const calm: Weather = {
  delayMs: 0.5,
  jitterMs: 0.5,
  loss: 0,
  duplication: 0,
  reordering: 0,
};

/** "from>to". */
export type Route = string;

export function route(from: string, to: string): Route {
  return `${from}>${to}`;
}

interface Clogged {
  readonly held: (() => void)[];
}

export class Network {
  weather: Weather = calm;
  /** Names that nothing comes from and nothing reaches, whatever is mended. */
  readonly quarantined = new Set<string>();
  readonly #time: Time;
  readonly #random: Random;
  readonly #cut = new Map<Route, number>();
  readonly #clogged = new Map<Route, Clogged>();
  readonly #slow = new Map<Route, number>();
  readonly #onHeal: (() => void)[] = [];
  #cuts = 0;

  constructor(time: Time, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  delay(from: string, to: string): number {
    const { delayMs, jitterMs } = this.weather;
    const slow = this.#slow.get(route(from, to)) ?? 0;
    return delayMs + (jitterMs + slow) * this.#random.next();
  }

  get isDropped(): boolean {
    return this.weather.loss > 0 && this.#random.chance(this.weather.loss);
  }

  get isDoubled(): boolean {
    return this.weather.duplication > 0 && this.#random.chance(this.weather.duplication);
  }

  get isReordered(): boolean {
    return this.weather.reordering > 0 && this.#random.chance(this.weather.reordering);
  }

  isCut(from: string, to: string): boolean {
    if (this.quarantined.size > 0 && (this.quarantined.has(from) || this.quarantined.has(to)))
      return true;
    return this.#cut.has(route(from, to));
  }

  /** Names this very cut; undefined: it is not cut. */
  cutNumber(from: string, to: string): number | undefined {
    return this.#cut.get(route(from, to));
  }

  cut(from: string, to: string): void {
    if (!this.#cut.has(route(from, to))) this.#cut.set(route(from, to), ++this.#cuts);
  }

  mend(from: string, to: string): void {
    this.#cut.delete(route(from, to));
    this.#healed();
  }

  /** Holds back what is sent, until `unclog`. */
  clog(from: string, to: string): void {
    if (!this.#clogged.has(route(from, to))) this.#clogged.set(route(from, to), { held: [] });
  }

  /** What was held back arrives at once, in order. */
  unclog(from: string, to: string): void {
    const clogged = this.#clogged.get(route(from, to));
    this.#clogged.delete(route(from, to));
    for (const carry of clogged?.held ?? []) carry();
  }

  /** Adds up to so many milliseconds to each delay. */
  slow(from: string, to: string, ms: number): void {
    this.#slow.set(route(from, to), ms);
  }

  /** Everything comes through again. */
  healAll(): void {
    this.#cut.clear();
    this.#slow.clear();
    for (const each of [...this.#clogged.keys()]) {
      const [from = "", to = ""] = each.split(">");
      this.unclog(from, to);
    }
    this.#healed();
  }

  /** Runs `carry` when the route is not clogged. */
  through(from: string, to: string, carry: () => void): void {
    const clogged = this.#clogged.get(route(from, to));
    if (clogged === undefined) carry();
    else clogged.held.push(carry);
  }

  /** `run` is called once, at the next mending of anything. */
  onHeal(run: () => void): void {
    this.#onHeal.push(run);
  }

  #healed(): void {
    const waiting = this.#onHeal.splice(0);
    for (const run of waiting) this.#time.after(0, undefined, run);
  }
}

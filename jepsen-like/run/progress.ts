// A line every few seconds: how far, how many calls and what became of them, who leads.

import type { Observer } from "./observer.ts";
import type { Tally } from "./tally.ts";

const everyMs = 5_000;

export class Progress {
  readonly #tally: Tally;
  readonly #observer: Observer;
  readonly #say: (line: string) => void;
  readonly #began = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #before = 0;

  constructor(tally: Tally, observer: Observer, say: (line: string) => void) {
    this.#tally = tally;
    this.#observer = observer;
    this.#say = say;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tell(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const { ok, fail, unknown } = this.#tally.look();
    const { leader } = this.#observer;
    const done = ok + fail + unknown;
    const perSecond = Math.round(((done - this.#before) / everyMs) * 1_000);
    this.#before = done;
    const leads =
      leader === undefined ? "no leader" : `node ${leader.nodeId} leads in term ${leader.term}`;
    const seconds = Math.round((performance.now() - this.#began) / 1_000);
    this.#say(
      `${seconds} s: ${ok} ok, ${fail} failed, ${unknown} unknown, ${perSecond}/s; ${leads}`,
    );
  }
}

// What happened, event by event. Formatting costs more than the event: without a listener only the last ones are kept, as
// they are, and become text when a failure is told.

type Detail = string | number | boolean | undefined;
type Kept = readonly [at: number, what: string, ...details: Detail[]];

const keptMax = 100;

export class Trace {
  readonly #now: () => number;
  readonly #listener: ((line: string) => void) | undefined;
  readonly #kept: Kept[] = [];
  readonly #ignored: ReadonlySet<string> | undefined;
  #next = 0;
  /** Faults are rarer: the last of them are kept apart. */
  readonly faults: string[] = [];

  /** @param ignored events that are not kept */
  constructor(
    now: () => number,
    listener: ((line: string) => void) | undefined,
    ignored?: ReadonlySet<string>,
  ) {
    this.#now = now;
    this.#listener = listener;
    this.#ignored = ignored;
  }

  event(what: string, ...details: Detail[]): void {
    if (this.#ignored?.has(what) === true) return;
    const kept: Kept = [this.#now(), what, ...details];
    this.#kept[this.#next] = kept;
    this.#next = (this.#next + 1) % keptMax;
    this.#listener?.(lineOf(kept));
  }

  fault(what: string, ...details: Detail[]): void {
    this.event(`FAULT ${what}`, ...details);
    this.faults.push(lineOf([this.#now(), what, ...details]));
  }

  /** The last hundred events, oldest first. */
  last(): string[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)].map(lineOf);
  }
}

function lineOf([at, what, ...details]: Kept): string {
  const given = details.filter((detail) => detail !== undefined);
  return `${at.toFixed(3).padStart(12)} ${what} ${given.join(" ")}`.trimEnd();
}

// Is there an order of the calls that respects real time and gives each its answer? Wing and Gong's search, with Lowe's memory of
// states that led nowhere (Testing for linearizability, 2017). It goes depth first over "which call is placed next".
//   R1. A call may be next when no call that is not yet placed returned before it was invoked.
//   R2. What is placed and the register's value are all that the rest depends on: a state met twice is not tried twice.
//   R3. A call that changes nothing and may be next is placed at once: it never becomes easier.
//   R4. Of two calls that ask and do the same, the one that both began and returned earlier is placed first: exchanged, they would
//       do no different.
//   R5. What a call that never returned made of the register is seen by the next one placed. Overwritten unseen, it may as well not
//       have happened; and one whose value helps nobody is not looked at.

import { initialValue, type RegisterCall, type Rule } from "./history.ts";

export type Found = "linearizable" | "refuted" | Unknown;

export interface Unknown {
  readonly because: string;
}

export interface Effort {
  /** Calls looked at. */
  steps: number;
  readonly stepsMax: number;
  readonly statesMax: number;
}

/** One call placed, with those that R3 places after it. */
interface Frame {
  readonly choices: readonly number[];
  next: number;
  /** To take it back. */
  readonly placed: readonly number[];
  readonly before: State;
}

interface State {
  readonly value: string;
  /** The last placed never returned, and nobody has seen what it did (R5). */
  readonly unseen: boolean;
  /** All returned calls before this one are placed. */
  readonly first: number;
}

export function search(history: readonly RegisterCall[], effort: Effort): Found {
  return new Search(withoutUseless(history), effort).run();
}

/** R5: leaves out calls that never returned and whose value is no help to anybody, until all that are left may help. */
export function withoutUseless(history: readonly RegisterCall[]): readonly RegisterCall[] {
  const useful = history.filter(
    (call) =>
      call.ret !== Infinity ||
      history.some((other) => other !== call && helps(call.rule.becomes, other.rule)),
  );
  return useful.length === history.length ? useful : withoutUseless(useful);
}

function helps(value: string | undefined, { is, isNot }: Rule): boolean {
  return value !== undefined && (is === value || (isNot !== undefined && isNot !== value));
}

class Search {
  /** Those that returned, by invocation; then the others, by invocation. */
  readonly #calls: readonly RegisterCall[];
  readonly #returned: number;
  readonly #effort: Effort;
  readonly #placed: boolean[];
  readonly #seen = new Set<string>();
  #state: State = { value: initialValue, unseen: false, first: 0 };

  constructor(history: readonly RegisterCall[], effort: Effort) {
    const byInv = history.toSorted((a, b) => a.inv - b.inv);
    const returned = byInv.filter(({ ret }) => ret !== Infinity);
    this.#calls = [...returned, ...byInv.filter(({ ret }) => ret === Infinity)];
    this.#returned = returned.length;
    this.#effort = effort;
    this.#placed = this.#calls.map(() => false);
  }

  run(): Found {
    const stack: Frame[] = [this.#enter(undefined)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      if (this.#state.first === this.#returned) return "linearizable";
      const { stepsMax, statesMax } = this.#effort;
      if (this.#effort.steps > stepsMax) return { because: `not decided within ${stepsMax} steps` };
      if (this.#seen.size > statesMax) return { because: `not decided within ${statesMax} states` };
      const choice = frame.choices[frame.next++];
      if (choice !== undefined) {
        stack.push(this.#enter(choice));
        continue;
      }
      for (const at of frame.placed) this.#placed[at] = false;
      this.#state = frame.before;
      stack.pop();
    }
    return "refuted";
  }

  #enter(choice: number | undefined): Frame {
    const before = this.#state;
    const placed: number[] = [];
    if (choice !== undefined) this.#place(choice, placed);
    let window = this.#window();
    for (let free = this.#free(window); free !== undefined; free = this.#free(window)) {
      this.#place(free, placed);
      window = this.#window();
    }
    const key = this.#key(window);
    const choices = this.#seen.has(key) ? [] : window.filter((at) => this.#mayBeNext(at, window));
    this.#seen.add(key);
    return { choices, next: 0, placed, before };
  }

  #place(at: number, placed: number[]): void {
    const becomes = this.#calls[at]?.rule.becomes;
    this.#placed[at] = true;
    placed.push(at);
    let { first } = this.#state;
    while (first < this.#returned && this.#placed[first]) first++;
    const unseen = at >= this.#returned;
    this.#state = { value: becomes ?? this.#state.value, unseen, first };
  }

  /** R1: the calls that may be next as far as time goes. */
  #window(): number[] {
    let end = Infinity;
    const window: number[] = [];
    for (let at = this.#state.first; at < this.#returned; at++) {
      const call = this.#calls[at];
      this.#effort.steps++;
      if (call === undefined || call.inv > end) break;
      if (this.#placed[at]) continue;
      window.push(at);
      end = Math.min(end, call.ret);
    }
    const inTime = window.filter((at) => (this.#calls[at]?.inv ?? 0) < end);
    for (let at = this.#returned; at < this.#calls.length; at++) {
      this.#effort.steps++;
      if ((this.#calls[at]?.inv ?? 0) > end) break;
      if (!this.#placed[at]) inTime.push(at);
    }
    return inTime;
  }

  /** R3. */
  #free(window: readonly number[]): number | undefined {
    return window.find((at) => {
      const rule = this.#calls[at]?.rule;
      return rule?.becomes === undefined && this.#agrees(rule);
    });
  }

  #mayBeNext(at: number, window: readonly number[]): boolean {
    const call = this.#calls[at];
    if (call === undefined || !this.#agrees(call.rule)) return false;
    const { is, becomes } = call.rule;
    if (is === undefined && this.#state.unseen) return false;
    if (call.ret === Infinity && becomes === this.#state.value) return false;
    return !window.some((other) => other !== at && this.#goesFirst(this.#calls[other], call));
  }

  #agrees(rule: Rule | undefined): boolean {
    const { value } = this.#state;
    return (rule?.is ?? value) === value && rule?.isNot !== value;
  }

  /** R4. */
  #goesFirst(other: RegisterCall | undefined, call: RegisterCall): boolean {
    if (other === undefined) return false;
    const alike = other.rule.is === call.rule.is && other.rule.becomes === call.rule.becomes;
    return alike && other.inv < call.inv && other.ret <= call.ret;
  }

  /** R2. Everything before the first that is not placed is placed; of the rest only what could be placed can be. */
  #key(window: readonly number[]): string {
    const { value, unseen, first } = this.#state;
    const returned = window.filter((at) => at < this.#returned);
    const lost: number[] = [];
    for (let at = this.#returned; at < this.#calls.length; at++)
      if (this.#placed[at]) lost.push(at);
    return `${first} ${returned.join(",")} ${lost.join(",")} ${unseen} ${value}`;
  }
}

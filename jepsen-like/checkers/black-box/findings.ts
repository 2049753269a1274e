// Collects what a check found, and words its verdict.

import type { Finding, Verdict } from "../contract.ts";

const findingsMax = 20;

export class Findings {
  readonly #check: string;
  readonly #found: Finding[] = [];
  #undecided: string | undefined;

  constructor(check: string) {
    this.#check = check;
  }

  get count(): number {
    return this.#found.length;
  }

  add(finding: Finding): void {
    this.#found.push(finding);
  }

  /** Something that cannot be told from this history. The first reason is kept. */
  undecided(why: string): void {
    this.#undecided ??= why;
  }

  /** Violated when something was found, else inconclusive when something could not be told, else it holds. */
  verdict(looked: string): Verdict {
    const { length } = this.#found;
    const head = { check: this.#check, looked };
    if (length > 0) {
      const findings = this.#found.toSorted((a, b) => firstTime(a) - firstTime(b));
      const why =
        length > findingsMax
          ? { why: `${counted(length, "finding")}, the first of them here` }
          : {};
      return { ...head, result: "violated", ...why, findings: findings.slice(0, findingsMax) };
    }
    if (this.#undecided !== undefined)
      return { ...head, result: "inconclusive", why: this.#undecided, findings: [] };
    return { ...head, result: "holds", findings: [] };
  }
}

export function skipped(check: string, why: string): Verdict {
  return { check, result: "skipped", looked: "nothing", why, findings: [] };
}

/** Of a count and what is counted: "41,201 deliveries". */
export function counted(count: number, what: string, many = `${what}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? what : many}`;
}

function firstTime({ times }: Finding): number {
  return times?.[0] ?? Infinity;
}

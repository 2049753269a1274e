// What a check found, gathered; and its verdict.

import type { Finding, Verdict } from "../contract.ts";

/** A verdict names so many; the others are counted. */
const namedMax = 20;

export class Findings {
  readonly #check: string;
  readonly #named: Finding[] = [];
  #count = 0;

  /** `check`: its name in the verdict. */
  constructor(check: string) {
    this.#check = check;
  }

  get count(): number {
    return this.#count;
  }

  /** In the order in which the first ones are to be read. */
  add(finding: Finding): void {
    this.#count++;
    if (this.#named.length < namedMax) this.#named.push(finding);
  }

  verdict(looked: string): Verdict {
    const more = this.#count - this.#named.length;
    return {
      check: this.#check,
      result: this.#count === 0 ? "holds" : "violated",
      looked,
      ...(more > 0 ? { why: `${more} more findings than are named` } : {}),
      findings: this.#named,
    };
  }
}

/** 41201 → "41,201". */
export function counted(value: number, what: string): string {
  const digits = String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${digits} ${what}${value === 1 ? "" : "s"}`;
}

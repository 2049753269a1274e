// What a check found, gathered; and its verdict.

import { counted } from "../black-box/findings.ts";
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
      ...(more > 0 ? { why: `${counted(more, "more finding")} than are named` } : {}),
      findings: this.#named,
    };
  }
}

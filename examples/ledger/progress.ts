// Progress while the demo runs: one line that is written over on a terminal, a line every two seconds anywhere else.

import { grouped } from "../../cli/output.ts";

const elsewhereEveryMs = 2_000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #terminal: boolean;
  #printedAt = -Infinity;
  #open = false;

  /** Standard error: standard output is for the result. */
  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#terminal = stream.isTTY;
  }

  update(handled: number, total: number, ratePerSecond: number): void {
    const now = performance.now();
    if (!this.#terminal && now - this.#printedAt < elsewhereEveryMs) return;
    this.#printedAt = now;
    const part = Math.floor((100 * handled) / total);
    const line = `  ${grouped(handled)} of ${grouped(total)} handled (${part} %), ${grouped(Math.round(ratePerSecond))}/s`;
    if (this.#terminal) {
      this.#stream.write(`\r\u001b[K${line}`);
      this.#open = true;
    } else {
      this.#stream.write(`${line}\n`);
    }
  }

  /** Something worth a line of its own. */
  say(text: string): void {
    if (this.#open) this.#stream.write("\r\u001b[K");
    this.#open = false;
    this.#stream.write(`${text}\n`);
  }
}

// Writes one process's history. What a process asks for is on its way to the file before it is on its way to the cluster.
//
//   W1. Each line is handed to the kernel before the method returns: SIGKILL loses nothing of it (a power cut of this machine may).
//   W2. A file belongs to one process, from its first line on: `op` counts from 1 without gaps.

import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { nowUs, type Asked, type Delivered, type Line, type Noted, type Told } from "./record.ts";

type NewDelivery = Omit<Delivered, "type" | "process" | "time" | "leaseEnds">;

/** How a call ended, but for the time. */
export interface Ending {
  readonly type: "ok" | "fail" | "unknown";
  readonly told?: Told;
  readonly reason?: string;
  readonly message?: string;
}

export class HistoryWriter {
  readonly process: string;
  readonly #file: number;
  #ops = 0;

  /** @param file may exist already, empty: so that it is there even if its process dies at once. @throws {Error} when it is not empty (W2). */
  constructor(file: string, process: string) {
    this.process = process;
    this.#file = openSync(file, "a");
    if (fstatSync(this.#file).size > 0) {
      closeSync(this.#file);
      throw new Error(`${file}: the history of another process`);
    }
  }

  /** To be called before the call is made. Returns its number. */
  invoke(asked: Asked): number {
    const op = ++this.#ops;
    this.#write({ type: "invoke", process: this.process, op, time: nowUs(), ...asked });
    return op;
  }

  complete(op: number, { type, ...rest }: Ending): void {
    this.#write({ type, process: this.process, op, time: nowUs(), ...rest });
  }

  /** @param leaseMs how long the lease lasts from now on. */
  delivered(delivery: NewDelivery, leaseMs: number): void {
    const time = nowUs();
    const leaseEnds = time + 1_000 * leaseMs;
    this.#write({ type: "delivered", process: this.process, time, ...delivery, leaseEnds });
  }

  note(what: Noted["what"], detail?: NonNullable<Noted["detail"]>): void {
    const note = { type: "note", process: this.process, time: nowUs(), what } as const;
    this.#write(detail === undefined ? note : { ...note, detail });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(line: Line): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
  }
}

// The parent's end of a client process.

import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { AnswerOf, CommandName, OrderOf, Request, Response } from "./protocol.ts";

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerProcess {
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL("./worker.js", import.meta.url)), {
      serialization: "advanced",
    });
    this.#child.on("message", (message) => this.#answered(message as Response));
    this.ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.on("exit", (code, signal) => {
      const error = new Error(`a client process ended: ${signal ?? code}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  call<K extends CommandName>(name: K, order: OrderOf<K>): Promise<AnswerOf<K>> {
    const request: Request = { id: ++this.#lastId, name, order };
    return new Promise<AnswerOf<K>>((resolve, reject) => {
      this.#waiting.set(request.id, { resolve: resolve as (answer: unknown) => void, reject });
      this.#child.send(request, (error) => {
        if (error === null || this.#waiting.get(request.id) === undefined) return;
        this.#waiting.delete(request.id);
        reject(error);
      });
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #answered(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if ("error" in response) waiting?.reject(new Error(response.error));
    else waiting?.resolve(response.answer);
  }
}

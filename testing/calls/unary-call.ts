// A unary call, as bytes both ways.

import type { MethodDefinition } from "@grpc/proto-loader";
import type { Failure } from "../../client/channel.ts";
import { adminService, queueService } from "../../proto/load.ts";
import type { Process } from "../time.ts";
import { Call } from "./call.ts";
import type { CallWorld, Listener, UnaryHandler } from "./call-world.ts";
import { failureOf, refusedConnection } from "./failures.ts";

const methods = { ...queueService, ...adminService } as unknown as Record<
  string,
  MethodDefinition<object, object>
>;

/** @throws when queue.proto has no such method */
export function definitionOf(method: string): MethodDefinition<object, object> {
  const definition = methods[method];
  if (definition === undefined) throw new Error(`queue.proto has no ${method}`);
  return definition;
}

export class UnaryCall extends Call {
  readonly #settle: (failure: Failure | undefined, reply: Buffer | undefined) => void;

  constructor(
    world: CallWorld,
    client: Process,
    listener: Listener,
    method: string,
    request: Buffer,
    settle: (failure: Failure | undefined, reply: Buffer | undefined) => void,
  ) {
    super(world, client, listener);
    this.#settle = settle;
    const definition = definitionOf(method);
    this.up.send(() => {
      const handler = this.services()?.[method] as UnaryHandler | undefined;
      if (handler === undefined) {
        this.down.send(() => this.#finish(refusedConnection(listener.name), undefined));
        return;
      }
      let answers = 0;
      handler({ request: definition.requestDeserialize(request) }, (error, reply) => {
        answers += 1;
        if (answers > 1) world.violated(`Q3: ${method} was answered ${answers} times`);
        if (this.listener.process.life !== this.serverLife) return;
        const bytes = error === null ? definition.responseSerialize(reply ?? {}) : undefined;
        const failure = error === null ? undefined : failureOf(error);
        this.down.send(() => this.#finish(failure, bytes));
      });
    });
  }

  #finish(failure: Failure | undefined, reply: Buffer | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#settle(failure, reply);
  }

  failed(failure: Failure): void {
    this.#finish(failure, undefined);
  }

  protected cancelled(): void {
    // The services do not look whether anybody still waits.
  }
}

// The unary calls of one node, as a client makes them: through the loader's encoding, without a socket, in virtual time.

import type { ServiceError, sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { clientServices } from "../../node/grpc/server.ts";
import { decodeError, errorMetadataKey, type WireError } from "../../proto/frame.ts";
import { queueService } from "../../proto/load.ts";
import { ClusterOfNodes, type WorldOptions } from "./cluster-of-nodes.ts";
import { silent } from "./fakes.ts";

export interface Reply {
  readonly [field: string]: unknown;
}

type Handler = (call: ServerUnaryCall<unknown, object>, done: sendUnaryData<object>) => void;
interface Method {
  readonly requestSerialize: (request: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (reply: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Reply;
}

/** A refusal, as the trailing metadata says it. */
export class ApiError extends Error {
  readonly error: WireError;

  constructor(error: WireError) {
    super(`${error.reason} (${error.field}): ${error.message}`);
    this.error = error;
  }
}

export class Api {
  readonly cluster: ClusterOfNodes;
  readonly #services: Record<string, unknown>;

  constructor(cluster: ClusterOfNodes, id = 1) {
    this.cluster = cluster;
    const member = cluster.member(id);
    this.#services = clientServices({
      node: member.running,
      clock: member.clock,
      clusterId: "test",
      version: "0",
      tickMs: member.config.tickMs,
      outboxBytesMax: 128 * 1024,
      logger: silent,
    }).queue;
  }

  /** Of a cluster whose rules are at the newest version. */
  static async started(options: WorldOptions = {}): Promise<Api> {
    const cluster = await ClusterOfNodes.started({ nodes: 1, ...options });
    const { machine } = (await cluster.elected()).running;
    await cluster.until(() => machine.version === machine.versionMax);
    return new Api(cluster);
  }

  get names(): string[] {
    return Object.keys(this.#services).filter((name) => name !== "Connect");
  }

  /** @throws {ApiError} */
  call(method: string, request: object = {}): Promise<Reply> {
    return this.cluster.finished(this.start(method, request));
  }

  /** Time does not run meanwhile: for calls that wait for each other. */
  async start(method: string, request: object = {}): Promise<Reply> {
    const definition = (queueService as unknown as Record<string, Method>)[method];
    const handler = this.#services[method] as Handler | undefined;
    if (definition === undefined || handler === undefined) throw new Error(`no call ${method}`);
    const said = definition.requestDeserialize(definition.requestSerialize(request));
    const reply = await new Promise<object>((resolve, reject) => {
      const call = { request: said } as unknown as ServerUnaryCall<unknown, object>;
      handler(call, (error, answer) => {
        if (error !== null) reject(apiError(error));
        else resolve(answer ?? {});
      });
    });
    return definition.responseDeserialize(definition.responseSerialize(reply));
  }

  /** What this call is refused with. */
  async refusal(method: string, request: object = {}): Promise<WireError> {
    try {
      await this.call(method, request);
    } catch (error) {
      if (error instanceof ApiError) return error.error;
      throw error;
    }
    throw new Error(`${method} was not refused`);
  }

  async session(ttlMs = 60_000): Promise<string> {
    return String((await this.call("OpenSession", { name: "s", ttlMs }))["sessionId"]);
  }

  async queue(name: string, options: object = {}): Promise<void> {
    await this.call("CreateQueue", { name, options });
  }

  async enqueue(queue: string, key: string, body = "x", more: object = {}): Promise<Reply> {
    const content = { body: Buffer.from(body) };
    const { message } = await this.call("Enqueue", { queue, key, content, ...more });
    return message as Reply;
  }

  async info(name: string): Promise<Reply> {
    return (await this.call("GetQueue", { name }))["queue"] as Reply;
  }
}

function apiError(error: Partial<ServiceError>): ApiError {
  const bytes = error.metadata?.get(errorMetadataKey)[0];
  if (!Buffer.isBuffer(bytes))
    throw new Error(`an error without details: ${String(error.details)}`);
  return new ApiError(decodeError(bytes));
}

/** A consumer that receives and settles by unary calls. */
export class Receiver {
  readonly #api: Api;
  readonly sessionId: string;
  #sequence = 0;

  constructor(api: Api, sessionId: string) {
    this.#api = api;
    this.sessionId = sessionId;
  }

  static async of(api: Api): Promise<Receiver> {
    return new Receiver(api, await api.session());
  }

  get caller(): object {
    this.#sequence += 1;
    return { sessionId: this.sessionId, sequence: this.#sequence };
  }

  async receive(queue: string, more: object = {}): Promise<Reply[]> {
    const request = { caller: this.caller, queue, maxMessages: 100, ...more };
    return (await this.#api.call("Receive", request))["deliveries"] as Reply[];
  }

  async settle(method: string, delivery: Reply | undefined, more: object = {}): Promise<Reply> {
    return this.#api.call(method, { caller: this.caller, lease: leaseOf(delivery), ...more });
  }
}

export function leaseOf(delivery: Reply | undefined): object {
  if (delivery === undefined) throw new Error("nothing was delivered");
  const { queue, key, keySeq, fencingToken } = delivery;
  return { queue, key, keySeq, fencingToken };
}

/** Bodies of messages, as text. */
export function bodies(messages: unknown): string[] {
  return (messages as { content: { body: Uint8Array } }[]).map(({ content }) =>
    Buffer.from(content.body).toString(),
  );
}

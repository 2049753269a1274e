// The unary calls of raftq.v1.Queue: what was said → a command, its answer → what the loader sends.

import type { Logger } from "pino";
import { encodeContent, type ContentInput } from "../../proto/frame.ts";
import {
  defaultOptions,
  type Answer,
  type Command,
  type Origin,
  type Refusal,
  type Reply,
  type Settlement,
} from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import {
  bytesOf,
  enqueue,
  enqueueBatch,
  lease,
  Malformed,
  queueName,
  queueOptions,
  receive,
  settlement,
  textOf,
  whole,
  type SaidOptions,
} from "../door.ts";
import { limits } from "../limits.ts";
import type { Node } from "../node.ts";
import type { Unanswered } from "../proposer.ts";
import { deliveryObject, messageIdBytes, queueObject } from "../wire.ts";
import { elsewhere, refused, shuttingDown, unanswered } from "./errors.ts";
import { formatSession, parseSession } from "./session-id.ts";
import { TooManyReads } from "../waiting.ts";
import { Refused } from "./unary.ts";

export interface QueueServiceContext {
  readonly node: Node;
  readonly bodies: Bodies;
  readonly clusterId: string;
  readonly logger: Logger;
}

interface SaidCaller {
  readonly sessionId: string;
  readonly sequence: number;
  readonly firstOutstanding: number;
}
interface SaidLease {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly fencingToken: number;
}
interface SaidMessage {
  readonly key: string;
  readonly content: ContentInput | null;
}
/** What the loader makes of a request: every field is there, messages may be null. */
export interface Said {
  readonly caller: SaidCaller | null;
  readonly sessionId: string;
  readonly name: string;
  readonly queue: string;
  readonly options: SaidOptions | null;
  readonly consistency: unknown;
  readonly revision: number;
  readonly ifEmpty: boolean;
  readonly ttlMs: number;
  readonly key: string;
  readonly content: ContentInput | null;
  readonly messages: readonly SaidMessage[];
  readonly maxMessages: number;
  readonly maxWaitMs: number;
  readonly leaseMs: number;
  readonly lease: SaidLease | null;
  readonly delayMs?: number;
  readonly error: string;
}

const tooMuch: Refusal = {
  reason: "TOO_MANY_IN_FLIGHT",
  message: "more is waiting to be replicated than may wait: try again a little later",
  field: "",
  currentToken: 0,
  state: "",
  retryAfterMs: 100,
};

const nothing: ContentInput = { body: new Uint8Array() };

export class QueueCalls {
  readonly #context: QueueServiceContext;

  constructor(context: QueueServiceContext) {
    this.#context = context;
  }

  async createQueue(said: Said): Promise<object> {
    const name = queueName(said.name, "name");
    // The defaults of some options depend on others that were said.
    const spoken = queueOptions(said.options, defaultOptions());
    const base = defaultOptions(spoken.ordering, spoken.deadLetterQueue);
    const options = { ...base, ...queueOptions(said.options, base) };
    this.#deadLetterQueue(options.deadLetterQueue);
    return this.#queue(await this.#ask(said.caller, { kind: "create-queue", name, options }));
  }

  async updateQueue(said: Said): Promise<object> {
    const name = queueName(said.name, "name");
    const present = this.#context.node.machine.queueInfo(name)?.options ?? defaultOptions();
    const changes = queueOptions(said.options, present);
    this.#deadLetterQueue(changes.deadLetterQueue ?? "");
    const revision = whole(said.revision, "revision", 0, Number.MAX_SAFE_INTEGER);
    return this.#queue(
      await this.#ask(said.caller, { kind: "update-queue", name, revision, changes }),
    );
  }

  async deleteQueue(said: Said): Promise<object> {
    const revision = whole(said.revision, "revision", 0, Number.MAX_SAFE_INTEGER);
    const answer = await this.#ask(said.caller, {
      kind: "delete-queue",
      name: queueName(said.name, "name"),
      revision,
      ifEmpty: said.ifEmpty,
    });
    return { header: this.#header(answer.index) };
  }

  async getQueue(said: Said): Promise<object> {
    const name = queueName(said.name, "name");
    await this.#readable(said);
    const { machine } = this.#context.node;
    const queue = machine.queueInfo(name);
    if (queue === undefined) {
      throw new Refused(
        refused({
          reason: "QUEUE_NOT_FOUND",
          message: `there is no queue ${name}`,
          field: "name",
          currentToken: 0,
          state: "",
          retryAfterMs: 0,
        }),
      );
    }
    return {
      header: this.#header(machine.appliedIndex),
      queue: queueObject(queue),
      created: false,
    };
  }

  async listQueues(said: Said): Promise<object> {
    await this.#readable(said);
    const { machine } = this.#context.node;
    return {
      header: this.#header(machine.appliedIndex),
      queues: machine.listQueues().map(queueObject),
    };
  }

  async openSession(said: Said): Promise<object> {
    const { sessionTtlMs, sessionNameBytes } = limits;
    const ttlMs =
      said.ttlMs === 0
        ? sessionTtlMs.default
        : whole(said.ttlMs, "ttl_ms", sessionTtlMs.min, sessionTtlMs.max);
    const name = bytesOf(said.name);
    if (name.length > sessionNameBytes)
      throw new Malformed(
        "name",
        `name has ${name.length} bytes; expected at most ${sessionNameBytes}`,
      );
    const answer = await this.#ask(null, { kind: "open-session", name, ttlMs });
    const { session } = expectKind(answer.reply, "session-opened");
    return {
      header: this.#header(answer.index),
      sessionId: formatSession(this.#context.clusterId, session),
      ttlMs,
    };
  }

  async keepAlive(said: Said): Promise<object> {
    const session = parseSession(this.#context.clusterId, said.sessionId);
    const answer = await this.#submit(
      { session, sequence: 0, floor: 0 },
      { kind: "keep-alive", sessions: [session] },
    );
    return { header: this.#header(answer.index) };
  }

  async closeSession(said: Said): Promise<object> {
    const session = parseSession(this.#context.clusterId, said.sessionId);
    const answer = await this.#submit(
      { session, sequence: 0, floor: 0 },
      { kind: "close-session" },
    );
    return { header: this.#header(answer.index) };
  }

  async enqueue(said: Said): Promise<object> {
    const command = enqueue(said.queue, {
      key: bytesOf(said.key),
      content: encodeContent(said.content ?? nothing),
    });
    const answer = await this.#ask(said.caller, command);
    return {
      header: this.#header(answer.index),
      message: enqueuedObject(expectKind(answer.reply, "enqueued").message),
    };
  }

  async enqueueBatch(said: Said): Promise<object> {
    const messages = said.messages.map((message) => ({
      key: bytesOf(message.key),
      content: encodeContent(message.content ?? nothing),
    }));
    const answer = await this.#ask(said.caller, enqueueBatch(said.queue, messages));
    return {
      header: this.#header(answer.index),
      messages: expectKind(answer.reply, "batch-enqueued").messages.map(enqueuedObject),
    };
  }

  async receive(said: Said): Promise<object> {
    const origin = this.#origin(said.caller);
    if (origin.session === 0)
      throw new Malformed(
        "caller.session_id",
        "receiving needs a session, which holds the leases: call OpenSession first",
      );
    const command = receive(said.queue, said);
    if (origin.sequence === 0)
      throw new Malformed(
        "caller.sequence",
        "a receive needs a sequence: 1 for the session's first call, then 2, 3 …",
      );
    const answer = await this.#submit(origin, command);
    const loaded = await this.#context.bodies.load(expectKind(answer.reply, "received").grants);
    return {
      header: this.#header(answer.index),
      deliveries: loaded.flatMap(({ grant, message }) =>
        message === undefined ? [] : [deliveryObject(grant, message)],
      ),
    };
  }

  async settle(said: Said, kind: Settlement["kind"]): Promise<object> {
    if (said.lease === null)
      throw new Malformed(
        "lease",
        "lease is missing; expected queue, key, key_seq and fencing_token of the delivery",
      );
    const { queue, key, keySeq, fencingToken } = said.lease;
    const command: Command = {
      kind: "settle",
      lease: lease(queue, bytesOf(key), keySeq, fencingToken),
      settlement: settlement(kind, {
        delayMs: said.delayMs,
        error: said.error,
        leaseMs: said.leaseMs,
      }),
    };
    const answer = await this.#ask(said.caller, command);
    return {
      header: this.#header(answer.index),
      alreadySettled: expectKind(answer.reply, "settled").already,
    };
  }

  // ---------------------------------------------------------------- what they share

  /** A name that is not there is a mistake now; a queue deleted later is not: dead letters are then parked (P8). */
  #deadLetterQueue(name: string): void {
    const { node } = this.#context;
    if (name === "" || !node.ready || node.machine.queueInfo(name) !== undefined) return;
    const message = `there is no queue ${name}: create the dead-letter queue first`;
    throw new Refused(
      refused({
        ...tooMuch,
        reason: "QUEUE_NOT_FOUND",
        message,
        field: "options.dead_letter_queue",
        retryAfterMs: 0,
      }),
    );
  }

  #origin(caller: SaidCaller | null): Origin {
    if (caller === null || caller.sessionId === "") {
      if (caller !== null && caller.sequence !== 0)
        throw new Malformed(
          "caller.session_id",
          "a sequence needs a session: call OpenSession first",
        );
      return { session: 0, sequence: 0, floor: 0 };
    }
    const session = parseSession(this.#context.clusterId, caller.sessionId, "caller.session_id");
    const sequence = whole(caller.sequence, "caller.sequence", 0, Number.MAX_SAFE_INTEGER);
    const first = whole(
      caller.firstOutstanding,
      "caller.first_outstanding",
      0,
      Number.MAX_SAFE_INTEGER,
    );
    return { session, sequence, floor: first === 0 ? sequence : Math.min(first, sequence) };
  }

  #ask(caller: SaidCaller | null, command: Command): Promise<Answer> {
    return this.#submit(this.#origin(caller), command);
  }

  #submit(origin: Origin, command: Command): Promise<Answer> {
    const { node } = this.#context;
    // Streams are held back; a call has nobody to hold it (I1, R11). Settling always passes: it is small, and makes room.
    if (node.full && (command.kind === "enqueue" || command.kind === "enqueue-batch"))
      return Promise.reject(new Refused(refused(tooMuch)));
    return new Promise((resolve, reject) => {
      node.submit(origin, command, (answer: Answer | Unanswered) => {
        if ("kind" in answer)
          reject(new Refused(unanswered(answer, node.whereabouts, node.closing)));
        else if (answer.reply.kind === "refused")
          reject(new Refused(refused(spelled(command, answer.reply.refusal))));
        else resolve(answer);
      });
    });
  }

  async #readable(said: Said): Promise<void> {
    if (said.consistency === "STALE") return;
    if (said.consistency !== "LINEARIZABLE")
      throw new Malformed(
        "consistency",
        `consistency is ${String(said.consistency)}; expected LINEARIZABLE, STALE`,
      );
    try {
      await this.#context.node.linearizable();
    } catch (error) {
      if (error instanceof TooManyReads) throw new Refused(refused(tooMuch));
      const { node } = this.#context;
      throw new Refused(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts));
    }
  }

  #queue({ index, reply }: Answer): object {
    const { queue, created } = expectKind(reply, "queue");
    return { header: this.#header(index), queue: queueObject(queue), created };
  }

  #header(logIndex: number): object {
    const { node } = this.#context;
    return { logIndex, term: node.term, clusterTimeMs: node.machine.clusterTime };
  }
}

function enqueuedObject(message: {
  queueId: number;
  lane: string;
  keySeq: number;
  seq: number;
}): object {
  return {
    messageId: textOf(messageIdBytes(message.queueId, message.lane, message.keySeq)),
    seq: message.seq,
    keySeq: message.keySeq,
  };
}

/** The state machine names fields in its own words; the answer names them as the request spells them. */
function spelled({ kind }: Command, refusal: Refusal): Refusal {
  const { field } = refusal;
  const aboutQueues = kind === "create-queue" || kind === "update-queue" || kind === "delete-queue";
  if (field === "queue") return aboutQueues ? { ...refusal, field: "name" } : refusal;
  const ofOptions = aboutQueues && !["", "revision", "session"].includes(field);
  return ofOptions ? { ...refusal, field: `options.${field}` } : refusal;
}

function expectKind<K extends Reply["kind"]>(reply: Reply, kind: K): Extract<Reply, { kind: K }> {
  if (reply.kind !== kind)
    throw new Error(`the state machine answered ${reply.kind}; expected ${kind}`);
  return reply as Extract<Reply, { kind: K }>;
}

// What the unary calls of raftq.v1.Queue share: who asks, how it is answered, and what makes a read linearizable.

import type { Logger } from "pino";
import type { Answer, Command, Origin, Refusal, Reply } from "../../queue/index.ts";
import type { Bodies } from "../bodies.ts";
import type { Clock } from "../clock.ts";
import { addsMessages } from "../disk-space.ts";
import { Malformed, whole } from "../door.ts";
import type { Node } from "../node.ts";
import type { Unanswered } from "../proposer.ts";
import { TooManyReads } from "../waiting.ts";
import { elsewhere, refused, shuttingDown, unanswered } from "./errors.ts";
import { parseSession } from "./session-id.ts";
import { spelled } from "./spelling.ts";
import { Refused } from "./unary.ts";

export interface QueueServiceContext {
  readonly node: Node;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly logger: Logger;
}

export interface SaidCaller {
  readonly sessionId: string;
  readonly sequence: number;
  readonly firstOutstanding: number;
}

/** A refusal that this node decides itself. */
export function refusalOf(
  reason: Refusal["reason"],
  message: string,
  field = "",
  retryAfterMs = 0,
): Refusal {
  return { reason, message, field, currentToken: 0, state: "", retryAfterMs };
}

const tooMuch = refusalOf(
  "TOO_MANY_IN_FLIGHT",
  "more is waiting to be replicated than may wait: try again a little later",
  "",
  100,
);

export function noQueue(name: string, field: string): Refused {
  return new Refused(
    refused(refusalOf("QUEUE_NOT_FOUND", `there is no queue ${JSON.stringify(name)}`, field)),
  );
}

const { MAX_SAFE_INTEGER } = Number;
export const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

export class Asker {
  readonly context: QueueServiceContext;

  constructor(context: QueueServiceContext) {
    this.context = context;
  }

  get node(): Node {
    return this.context.node;
  }

  /** @throws {Malformed} */
  session(text: string, field?: string): number {
    return parseSession(this.context.clusterId, text, field);
  }

  /** @throws {Malformed} */
  origin(caller: SaidCaller | null): Origin {
    if (caller === null || caller.sessionId === "") {
      if (caller !== null && caller.sequence !== 0)
        throw new Malformed(
          "caller.session_id",
          "a sequence needs a session: call OpenSession first",
        );
      return nobody;
    }
    const session = this.session(caller.sessionId, "caller.session_id");
    const sequence = whole(caller.sequence, "caller.sequence", 0, MAX_SAFE_INTEGER);
    const first = whole(caller.firstOutstanding, "caller.first_outstanding", 0, MAX_SAFE_INTEGER);
    return { session, sequence, floor: first === 0 ? sequence : Math.min(first, sequence) };
  }

  /** Of the kind that this command is answered with. @throws {Refused} */
  async ask<K extends Reply["kind"]>(
    origin: Origin,
    command: Command,
    kind: K,
  ): Promise<{ readonly index: number; readonly reply: Extract<Reply, { kind: K }> }> {
    const { index, reply } = await this.#submit(origin, command);
    if (reply.kind !== kind)
      throw new Error(`the state machine answered ${reply.kind}; expected ${kind}`);
    return { index, reply: reply as Extract<Reply, { kind: K }> };
  }

  #submit(origin: Origin, command: Command): Promise<Answer> {
    const { node } = this;
    // Streams are held back; a call has nobody to hold it (I1, R11). Settling always passes: it is small, and makes room.
    if (node.full && addsMessages(command)) return Promise.reject(new Refused(refused(tooMuch)));
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

  /** When this resolves, this node's state is what the caller wants to see. @throws {Malformed | Refused} */
  async readable(consistency: unknown): Promise<void> {
    if (consistency === "STALE") return;
    if (consistency !== "LINEARIZABLE")
      throw new Malformed(
        "consistency",
        `consistency is ${String(consistency)}; expected LINEARIZABLE, STALE`,
      );
    const { node } = this;
    try {
      await node.linearizable();
    } catch (error) {
      if (error instanceof TooManyReads) throw new Refused(refused(tooMuch));
      throw new Refused(node.closing ? shuttingDown(node.id) : elsewhere(node.whereabouts));
    }
  }

  header(logIndex: number): object {
    const { node } = this;
    return { logIndex, term: node.term, clusterTimeMs: node.machine.clusterTime };
  }
}

/** 0 stands for the default. */
export function howMany(value: number, field: string, most: number, otherwise: number): number {
  return value === 0 ? otherwise : whole(value, field, 1, most);
}

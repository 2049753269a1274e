// Messages: to enqueue, receive and settle them, and all of it in one step.

import type { CommitBytes, CommitSettleBytes, ConditionBytes } from "../../proto/frame.ts";
import type { Settlement } from "../../queue/index.ts";
import { bytesOf, enqueue, enqueueBatch, lease, Malformed, receive, settlement } from "../door.ts";
import { commit } from "../door-commit.ts";
import { deliveryObject, enqueuedObject } from "../wire.ts";
import type { Asker, SaidCaller } from "./asker.ts";
import { errorObject } from "./errors.ts";
import { messageBytes, type SaidLease, type SaidMessage } from "./said.ts";
import { itemsOf, published } from "./stream-commands.ts";

interface SaidEnqueue extends SaidMessage {
  readonly caller: SaidCaller | null;
  readonly queue: string;
}
interface SaidBatch {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  readonly messages: readonly SaidMessage[];
  readonly perItem: boolean;
}
interface SaidReceive {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  readonly maxMessages: number;
  readonly maxWaitMs: number;
  readonly leaseMs: number;
  readonly maxBytes: number;
  readonly keys: readonly string[];
}
interface SaidSettle {
  readonly caller: SaidCaller | null;
  readonly lease: SaidLease | null;
  readonly delayMs?: number;
  readonly error?: string;
  readonly leaseMs?: number;
}
interface SaidCondition {
  readonly tailIs?: { readonly queue: string; readonly key: string; readonly keySeq: number };
  readonly lengthIs?: { readonly queue: string; readonly key: string; readonly messages: number };
  readonly leaseHeld?: SaidLease;
}
interface SaidCommitSettle {
  readonly kind: unknown;
  readonly lease: SaidLease | null;
  readonly delayMs?: number;
  readonly error: string;
}
interface SaidCommit {
  readonly caller: SaidCaller | null;
  readonly conditions: readonly SaidCondition[];
  readonly settles: readonly SaidCommitSettle[];
  readonly enqueues: readonly { readonly queue: string; readonly message: SaidMessage | null }[];
}

export function messageCalls(asker: Asker) {
  const mayBeTopic = (name: string): boolean => published(asker.node, name);
  return {
    Enqueue: async (said: SaidEnqueue): Promise<object> => {
      const command = enqueue(said.queue, messageBytes(said), mayBeTopic(said.queue));
      const { index, reply } = await asker.ask(asker.origin(said.caller), command, "enqueued");
      return { header: asker.header(index), message: enqueuedObject(reply.message) };
    },

    EnqueueBatch: async (said: SaidBatch): Promise<object> => {
      const command = enqueueBatch(
        said.queue,
        said.messages.map(messageBytes),
        said.perItem,
        mayBeTopic(said.queue),
      );
      const origin = asker.origin(said.caller);
      if (!said.perItem) {
        const { index, reply } = await asker.ask(origin, command, "batch-enqueued");
        return { header: asker.header(index), messages: reply.messages.map(enqueuedObject) };
      }
      const { index, reply } = await asker.ask(origin, command, "items-enqueued");
      return {
        header: asker.header(index),
        messages: reply.items.map((item) => ("reason" in item ? {} : enqueuedObject(item))),
        errors: itemsOf(command, reply.items).errors.map(({ index: place, error }) => ({
          index: place,
          error: errorObject(error),
        })),
      };
    },

    Receive: async (said: SaidReceive): Promise<object> => {
      const origin = asker.origin(said.caller);
      if (origin.session === 0)
        throw new Malformed(
          "caller.session_id",
          "receiving needs a session, which holds the leases: call OpenSession first",
        );
      const command = receive(said.queue, { ...said, keyBytes: said.keys.map(bytesOf) });
      if (origin.sequence === 0)
        throw new Malformed(
          "caller.sequence",
          "a receive needs a sequence: 1 for the session's first call, then 2, 3 …",
        );
      const { index, reply } = await asker.ask(origin, command, "received");
      const loaded = await asker.context.bodies.load(reply.grants);
      return {
        header: asker.header(index),
        deliveries: loaded.flatMap(({ grant, message }) =>
          message === undefined ? [] : [deliveryObject(grant, message, asker.node.machine)],
        ),
      };
    },

    Commit: async (said: SaidCommit): Promise<object> => {
      const command = commit(commitBytes(said), mayBeTopic);
      const { index, reply } = await asker.ask(asker.origin(said.caller), command, "committed");
      return { header: asker.header(index), messages: reply.messages.map(enqueuedObject) };
    },
  };
}

export function settleCalls(asker: Asker) {
  const settle = async (said: SaidSettle, kind: Settlement["kind"]): Promise<object> => {
    if (said.lease === null)
      throw new Malformed(
        "lease",
        "lease is missing; expected queue, key, key_seq and fencing_token of the delivery",
      );
    const { queue, key, keySeq, fencingToken } = said.lease;
    const { delayMs, error = "", leaseMs = 0 } = said;
    const { index, reply } = await asker.ask(
      asker.origin(said.caller),
      {
        kind: "settle",
        lease: lease(queue, bytesOf(key), keySeq, fencingToken),
        settlement: settlement(kind, { delayMs, error, leaseMs }),
      },
      "settled",
    );
    return { header: asker.header(index), alreadySettled: reply.already };
  };
  return {
    Ack: (said: SaidSettle): Promise<object> => settle(said, "ack"),
    Nack: (said: SaidSettle): Promise<object> => settle(said, "nack"),
    Release: (said: SaidSettle): Promise<object> => settle(said, "release"),
    Reject: (said: SaidSettle): Promise<object> => settle(said, "reject"),
    Extend: (said: SaidSettle): Promise<object> => settle(said, "extend"),
  };
}

/** As the stream would have brought it. */
function commitBytes(said: SaidCommit): CommitBytes {
  return {
    conditions: said.conditions.map(conditionBytes),
    settles: said.settles.map(settleBytes),
    enqueues: said.enqueues.map(({ queue, message }, i) => {
      if (message === null)
        throw new Malformed(
          `enqueues[${i}].message`,
          `enqueues[${i}].message is missing; expected key and content`,
        );
      return { queue, message: messageBytes(message) };
    }),
  };
}

function conditionBytes({ tailIs, lengthIs, leaseHeld }: SaidCondition): ConditionBytes {
  if (tailIs !== undefined) {
    const { queue, key, keySeq } = tailIs;
    return { kind: "tailIs", queue, keyBytes: bytesOf(key), keySeq };
  }
  if (lengthIs !== undefined) {
    const { queue, key, messages } = lengthIs;
    return { kind: "lengthIs", queue, keyBytes: bytesOf(key), messages };
  }
  if (leaseHeld !== undefined) return { kind: "leaseHeld", lease: leaseBytes(leaseHeld) };
  return { kind: "unknown" };
}

const settleKinds = { ACK: "ack", NACK: "nack", RELEASE: "release", REJECT: "reject" } as const;

function settleBytes({ kind, lease: named, delayMs, error }: SaidCommitSettle): CommitSettleBytes {
  const known = typeof kind === "string" && Object.hasOwn(settleKinds, kind);
  return {
    kind: known ? settleKinds[kind as keyof typeof settleKinds] : "unknown",
    lease: named === null ? undefined : leaseBytes(named),
    delayMs,
    error,
  };
}

function leaseBytes({ queue, key, keySeq, fencingToken }: SaidLease) {
  return { queue, keyBytes: bytesOf(key), keySeq, fencingToken };
}

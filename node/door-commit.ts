// A commit as it is said → the command, or the field that is wrong: `settles[2].lease.key_seq`.

import type { CommitBytes, CommitSettleBytes, ConditionBytes } from "../proto/frame.ts";
import type { Command, Condition, LeaseRef, Settlement } from "../queue/index.ts";
import { key, lease, Malformed, newMessage, queueName, settlement, whole } from "./door.ts";
import { limits } from "./limits.ts";

/** `published`: whether what is enqueued under this name may go to a topic. */
export function commit(said: CommitBytes, published: (name: string) => boolean): Command {
  const { conditions, settles, enqueues } = said;
  const operations = conditions.length + settles.length + enqueues.length;
  if (operations === 0 || operations > limits.commitOperations) {
    throw new Malformed(
      "enqueues",
      `${operations} conditions, settles and enqueues together; expected 1 to ${limits.commitOperations}`,
    );
  }
  const bytes = enqueues.reduce((sum, { message }) => sum + message.content.length, 0);
  const command: Command = {
    kind: "commit",
    conditions: conditions.map((each, i) => condition(each, `conditions[${i}]`)),
    settles: settles.map((each, i) => settle(each, `settles[${i}]`)),
    enqueues: enqueues.map(({ queue, message }, i) => ({
      queue: queueName(queue, `enqueues[${i}].queue`),
      message: newMessage(message, published(queue), `enqueues[${i}].message.`),
    })),
  };
  if (bytes > limits.commitBytes) {
    throw new Malformed(
      "enqueues",
      `${bytes} bytes together; expected at most ${limits.commitBytes}`,
      "TOO_LARGE",
    );
  }
  return command;
}

function condition(said: ConditionBytes, field: string): Condition {
  switch (said.kind) {
    case "tailIs":
      return {
        kind: "tail",
        queue: queueName(said.queue, `${field}.tail_is.queue`),
        lane: key(said.keyBytes, `${field}.tail_is.key`),
        keySeq: whole(said.keySeq, `${field}.tail_is.key_seq`, 0, Number.MAX_SAFE_INTEGER),
      };
    case "lengthIs":
      return {
        kind: "length",
        queue: queueName(said.queue, `${field}.length_is.queue`),
        lane: key(said.keyBytes, `${field}.length_is.key`),
        messages: whole(said.messages, `${field}.length_is.messages`, 0, Number.MAX_SAFE_INTEGER),
      };
    case "leaseHeld": {
      const { queue, keyBytes, keySeq, fencingToken } = said.lease;
      return {
        kind: "lease",
        lease: lease(queue, keyBytes, keySeq, fencingToken, `${field}.lease_held`),
      };
    }
    case "unknown":
      throw new Malformed(field, `${field} is empty; expected tail_is, length_is or lease_held`);
  }
}

function settle(
  said: CommitSettleBytes,
  field: string,
): { readonly lease: LeaseRef; readonly settlement: Settlement } {
  if (said.kind === "unknown")
    throw new Malformed(
      `${field}.kind`,
      `${field}.kind is none that is known; expected ACK, NACK, RELEASE, REJECT`,
    );
  if (said.lease === undefined)
    throw new Malformed(
      `${field}.lease`,
      `${field}.lease is missing; expected queue, key, key_seq and fencing_token of the delivery`,
    );
  const { queue, keyBytes, keySeq, fencingToken } = said.lease;
  return {
    lease: lease(queue, keyBytes, keySeq, fencingToken, `${field}.lease`),
    settlement: settlement(said.kind, { ...said, leaseMs: 0 }, `${field}.`),
  };
}

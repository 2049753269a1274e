// Decisions about messages and keys: parked ones, cancelled ones, purged ones, paused ones.

import type { ContentInput } from "../../proto/frame.ts";
import type { Resolution } from "../../queue/index.ts";
import { bytesOf, content, errorText, key, Malformed, queueName, whole } from "../door.ts";
import type { Asker, SaidCaller } from "./asker.ts";
import { calling } from "./unary.ts";
import { contentBytes, messageRef, type SaidPlace } from "./said.ts";

interface SaidResolve {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  /** Which of these is there. */
  readonly action?: string;
  readonly skip?: { readonly reason: string };
  readonly replace?: ContentInput;
}
interface SaidCancel extends SaidPlace {
  readonly caller: SaidCaller | null;
}
interface SaidPurge {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  /** Absent: all keys. */
  readonly key?: string;
  readonly dryRun: boolean;
}
interface SaidPauseKey {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  readonly key: string;
}

export function managingCalls(asker: Asker) {
  const pauseKey = async (said: SaidPauseKey, paused: boolean): Promise<object> => {
    const queue = queueName(said.queue);
    const lane = key(bytesOf(said.key));
    const { index } = await asker.ask(
      asker.origin(said.caller),
      { kind: "pause-key", queue, lane, paused },
      "done",
    );
    return { header: asker.header(index) };
  };
  return {
    ResolveParked: async (said: SaidResolve): Promise<object> => {
      const message = {
        queue: queueName(said.queue),
        lane: key(bytesOf(said.key)),
        keySeq: whole(said.keySeq, "key_seq", 0, Number.MAX_SAFE_INTEGER),
      };
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        { kind: "resolve-parked", message, resolution: resolution(said) },
        "resolved",
      );
      return { header: asker.header(index), keySeq: reply.keySeq };
    },

    CancelMessage: async (said: SaidCancel): Promise<object> => {
      const message = messageRef(asker.node, said);
      const asked = asker.ask(asker.origin(said.caller), { kind: "cancel", message }, "done");
      const { index } = await (said.messageId === ""
        ? asked
        : calling("key_seq", "message_id", asked));
      return { header: asker.header(index) };
    },

    PurgeQueue: async (said: SaidPurge): Promise<object> => {
      const queue = queueName(said.queue);
      const lane = said.key === undefined ? undefined : key(bytesOf(said.key));
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        { kind: "purge", queue, lane, dryRun: said.dryRun },
        "purged",
      );
      const { messages, keys } = reply;
      return { header: asker.header(index), messages, keys };
    },

    PauseKey: (said: SaidPauseKey): Promise<object> => pauseKey(said, true),
    ResumeKey: (said: SaidPauseKey): Promise<object> => pauseKey(said, false),
  };
}

function resolution({ action, skip, replace }: SaidResolve): Resolution {
  switch (action) {
    case "retry":
      return { kind: "retry" };
    case "skip":
      return { kind: "skip", error: errorText(skip?.reason ?? "", "skip.reason") };
    case "replace":
      return { kind: "replace", content: content(contentBytes(replace ?? null), "replace") };
    case undefined:
    default:
      throw new Malformed("action", "action is missing; expected retry, skip or replace");
  }
}

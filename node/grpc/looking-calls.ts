// Looking at what lies in a queue, without changing it (O6).

import type { KeyView, MessageState } from "../../queue/index.ts";
import { Browser } from "../browse.ts";
import { bytesOf, key, oneOf, queueName } from "../door.ts";
import { limits } from "../limits.ts";
import { historyObjects, keyObject, messageObject } from "../wire.ts";
import { howMany, noQueue, refusalOf, type Asker } from "./asker.ts";
import { refused } from "./errors.ts";
import { formatKey, formatPlace, parseKey, parsePlace } from "./pages.ts";
import { messageRef, type SaidPlace } from "./said.ts";
import { formatSession } from "./session-id.ts";
import { Refused } from "./unary.ts";

interface SaidPeek {
  readonly queue: string;
  /** Absent: all keys. */
  readonly key?: string;
  readonly maxMessages: number;
  readonly after: string;
  readonly consistency: unknown;
}
interface SaidGet extends SaidPlace {
  readonly consistency: unknown;
}
interface SaidListKeys {
  readonly queue: string;
  readonly state: unknown;
  readonly paused: boolean;
  readonly byBacklog: boolean;
  readonly maxKeys: number;
  readonly after: string;
  readonly consistency: unknown;
}

const states = {
  READY: "ready",
  DELAYED: "delayed",
  LEASED: "leased",
  RETRYING: "retrying",
  PARKED: "parked",
} as const;

export function lookingCalls(asker: Asker) {
  return {
    Peek: async (said: SaidPeek): Promise<object> => {
      const queue = queueName(said.queue);
      const only = said.key === undefined ? undefined : key(bytesOf(said.key));
      const limit = howMany(said.maxMessages, "max_messages", limits.peekMessages, 1);
      const after = parsePlace(said.after);
      await asker.readable(said.consistency);
      const { browser, id } = browserOf(asker, queue, "queue");
      const header = asker.header(asker.node.machine.appliedIndex);
      const { messages, next } = await browser.messages(after, only, limit);
      return {
        header,
        messages: messages.map((loaded) => messageObject(queue, id, loaded, asker.node.machine)),
        next: next === undefined ? "" : formatPlace(next),
      };
    },

    GetMessage: async (said: SaidGet): Promise<object> => {
      await asker.readable(said.consistency);
      const { queue, lane, keySeq } = messageRef(asker.node, said);
      const { browser, id } = browserOf(asker, queue, "queue");
      const header = asker.header(asker.node.machine.appliedIndex);
      const loaded = await browser.message(lane, keySeq);
      if (loaded === undefined) throw noMessage(said, queue, keySeq);
      return { header, message: messageObject(queue, id, loaded, asker.node.machine) };
    },

    GetMessageHistory: async (said: SaidGet): Promise<object> => {
      await asker.readable(said.consistency);
      const ref = messageRef(asker.node, said);
      const { browser } = browserOf(asker, ref.queue, "queue");
      const { machine } = asker.node;
      const header = asker.header(machine.appliedIndex);
      const events = await browser.history(machine, ref);
      const { clusterId } = asker.context;
      return {
        header,
        events: historyObjects(events, (session) => formatSession(clusterId, session)),
      };
    },

    ListKeys: async (said: SaidListKeys): Promise<object> => {
      const queue = queueName(said.queue);
      const state = oneOf(said.state, "state", "MESSAGE_STATE_UNSPECIFIED", states);
      const limit = howMany(said.maxKeys, "max_keys", limits.listKeys, 100);
      // Nothing sorts before the empty key, which a queue without keys has.
      const after = said.after === "" ? undefined : parseKey(said.after);
      await asker.readable(said.consistency);
      const { browser } = browserOf(asker, queue, "queue");
      const header = asker.header(asker.node.machine.appliedIndex);
      const order = said.byBacklog ? "backlog" : "name";
      const { keys, isAll } = await browser.keys(
        (one) =>
          (state === undefined || inState(one, state) > 0) &&
          (!said.paused || one.paused) &&
          (said.byBacklog || after === undefined || one.lane > after),
        order,
        limit,
      );
      const last = keys.at(-1);
      const next = isAll || last === undefined || said.byBacklog ? "" : formatKey(last.lane);
      return { header, keys: keys.map(keyObject), next };
    },
  };
}

function inState(one: KeyView, state: MessageState): number {
  if (state !== "ready") return one[state];
  return one.messages - one.leased - one.retrying - one.parked - one.delayed;
}

/** @throws {Refused} when there is no such queue. */
export function browserOf(
  asker: Asker,
  name: string,
  field: string,
): { readonly browser: Browser; readonly id: number } {
  const { clock, bodies } = asker.context;
  const view = asker.node.machine.browse(name);
  if (view === undefined) throw noQueue(name, field);
  return { browser: new Browser(clock, bodies, view), id: view.id };
}

function noMessage({ messageId }: SaidPlace, queue: string, keySeq: number): Refused {
  const message = `queue ${queue} has no message ${keySeq} of this key (any more)`;
  const field = messageId === "" ? "key_seq" : "message_id";
  return new Refused(refused(refusalOf("MESSAGE_NOT_FOUND", message, field)));
}

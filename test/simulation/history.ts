// What clients asked and what they were told, in the order of the one thread: step numbers are the real time of this world.

import type { ClientCommand, Reply } from "../../proto/frame.ts";
import type { CallObserver } from "../../testing/calls/call-world.ts";

export type Outcome = "open" | "ok" | "fail" | "unknown";

/** What the program that uses the SDK asked for, and was told. */
export interface Operation {
  readonly client: string;
  readonly call:
    | {
        readonly kind: "enqueue";
        readonly queue: string;
        readonly key: string;
        readonly bodies: readonly string[];
      }
    | {
        readonly kind: "ack" | "nack" | "release" | "reject" | "extend";
        readonly queue: string;
        readonly key: string;
        readonly keySeq: number;
        readonly token: number;
      }
    | { readonly kind: "receive"; readonly queue: string }
    | { readonly kind: "admin"; readonly what: string };
  readonly from: number;
  to: number;
  outcome: Outcome;
  /** The log index that the answer named; 0: it named none. */
  index: number;
  /** Of an enqueue: the numbers that the messages got. */
  keySeqs: readonly number[];
  /** Of a failure. */
  reason: string;
}

/** A delivery that reached a handler or a receiver. */
export interface Delivered {
  readonly client: string;
  readonly step: number;
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly token: number;
  readonly body: string;
}

/** One command as it went over the wire in a session, and every answer to it. */
export interface Spoken {
  readonly session: number;
  readonly sequence: number;
  readonly op: ClientCommand["op"];
  readonly from: number;
  readonly replies: { readonly step: number; readonly reply: Reply }[];
}

/** A linearizable read as it went over the wire. */
export interface ReadDone {
  readonly client: string;
  readonly queue: string;
  readonly from: number;
  readonly to: number;
  readonly index: number;
  /** Queue of queue.proto, as the loader makes it. */
  readonly info: Readonly<Record<string, unknown>>;
}

export class History implements CallObserver {
  readonly operations: Operation[] = [];
  readonly delivered: Delivered[] = [];
  readonly spoken = new Map<string, Spoken>();
  readonly reads: ReadDone[] = [];

  said(session: number, command: ClientCommand, step: number): void {
    const name = `${session}/${command.sequence}`;
    if (this.spoken.has(name)) return;
    const { sequence, op } = command;
    this.spoken.set(name, { session, sequence, op, from: step, replies: [] });
  }

  heard(session: number, reply: Reply, step: number): void {
    this.spoken.get(`${session}/${reply.sequence}`)?.replies.push({ step, reply });
  }

  answered(
    client: string,
    method: string,
    request: object,
    reply: object,
    from: number,
    to: number,
  ): void {
    if (method !== "GetQueue") return;
    const { name: queue, consistency } = request as { name: string; consistency?: string };
    if (consistency === "STALE") return;
    const { header, queue: info } = reply as {
      header: { logIndex: number };
      queue: Record<string, unknown>;
    };
    this.reads.push({ client, queue, from, to, index: header.logIndex, info });
  }
}

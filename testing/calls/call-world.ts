// What a call needs of the world that it takes place in.

import type { ClientCommand, Reply } from "../../proto/frame.ts";
import type { Network } from "../network.ts";
import type { Process, Time } from "../time.ts";
import type { Trace } from "../trace.ts";
import type { ServerStream } from "./server-stream.ts";

export type UnaryHandler = (
  call: { readonly request: object },
  done: (error: object | null, reply?: object) => void,
) => void;
export type StreamHandler = (call: ServerStream) => void;
export type Services = Readonly<Record<string, UnaryHandler | StreamHandler>>;

/** What listens for clients on one machine. */
export interface Listener {
  readonly name: string;
  readonly process: Process;
  /** undefined: nobody listens, the connection is refused. */
  readonly services: Services | undefined;
  /** The machine has no power: nobody even refuses. */
  readonly isDark: boolean;
}

/** Hears what is said on the wire, and at which step. */
export interface CallObserver {
  said(session: number, command: ClientCommand, step: number): void;
  heard(session: number, reply: Reply, step: number): void;
  /** A unary call was answered. */
  answered(
    client: string,
    method: string,
    request: object,
    reply: object,
    from: number,
    to: number,
  ): void;
}

export interface CallWorld {
  readonly time: Time;
  readonly network: Network;
  readonly trace: Trace;
  /** Bytes under way in each direction of a stream before the writer waits. */
  readonly windowBytes: number;
  listener(endpoint: string): Listener | undefined;
  readonly observer: CallObserver | undefined;
  readonly violated: (what: string) => void;
}

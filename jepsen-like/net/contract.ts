// What the rest of jepsen-like knows of the network between nodes and clients.

import type { Launcher } from "../cluster/contract.ts";

/** Who sends or receives: a node by its number, or all clients together. */
export type End = number | "clients";

/** What is wrong with what flows from one end to another; absent fields are as usual. */
export interface Trouble {
  /** Nothing arrives; connections stay open; new ones are accepted and swallowed. */
  readonly blackHole?: boolean;
  /** Connections are refused, open ones are reset. */
  readonly reset?: boolean;
  /** Each piece arrives so much later, ± jitter, in order. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Bytes per second. */
  readonly bytesPerSecond?: number;
  /** Open connections end for the end that sends, by a reset; the other end is not told. New ones are refused. */
  readonly halfOpen?: boolean;
}

export interface Network {
  /** "proxies": ours, everywhere. "namespaces": one network namespace per node, and the kernel drops packets. */
  readonly kind: "proxies" | "namespaces";
  /** Where `from` dials the peer port of node `to`; from 0: whoever was started before there was a node `to`. */
  peerAddress(from: number, to: number): string;
  /** Where clients dial node `to`. */
  clientAddress(to: number): string;
  /** Where node `id` itself listens. */
  listens(id: number): { readonly client: string; readonly peer: string };

  /** Replaces the trouble of one direction; undefined: none. */
  set(from: End, to: End, trouble: Trouble | undefined): void;
  /** Ends all trouble, and every connection that suffered from it if `reset`. */
  heal(): void;
  /** Bytes and pieces that were held back, delayed, dropped or reset by trouble so far, over all links. */
  readonly disturbed: number;
  /** Bytes that arrived from one end at another so far. */
  carried(from: End, to: End): number;
  /** Whether `set(from, to, …)` can do this; absent: all of it. `set` throws for what it cannot. */
  can?(from: End, to: End, trouble: Trouble): boolean;
  /** Tells the network which processes the nodes are, by number, so that it can see who dials an address that all share. */
  knowProcesses?(pids: () => ReadonlyMap<number, number>): void;
  /** What the command of a node has to be wrapped in, inside of what a fault wraps it in; absent: nothing. */
  readonly launcher?: Launcher;
  close(): Promise<void>;
}

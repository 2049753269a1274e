// Links between nodes: bytes of node/peer-codec.ts over a network that loses, doubles and reorders them.
//   I1. A link carries nothing before both ends have accepted the other's introduction (R5, C7), and nothing of an earlier
//       life of either end: it is one connection.
//   I2. The end of a process closes its connections at once; the loss of power, or a cut, is noticed only by silence.

import type { Members } from "../node/members.ts";
import { decodeMessage, encodeMessage } from "../node/peer-codec.ts";
import type { Transport, TransportEvents } from "../node/transport.ts";
import type { PeerMessage } from "../node/peer-report.ts";
import type { NodeId } from "../raft/index.ts";
import type { WorldCounters } from "./counters.ts";
import type { Network } from "./network.ts";
import type { Process, Time } from "./time.ts";
import type { Trace } from "./trace.ts";

/** A node's end of its links, for one life. */
export interface Peer {
  readonly id: NodeId;
  readonly process: Process;
  readonly members: Members;
  readonly events: TransportEvents;
}

export interface PeerWorld {
  readonly time: Time;
  readonly network: Network;
  readonly trace: Trace;
  readonly counters: WorldCounters;
  /** Every message as it leaves. */
  sent(message: PeerMessage): void;
  /** undefined: nobody listens there. */
  peer(id: NodeId): Peer | undefined;
  /** The process of node `id` has ended; its machine may be without power. */
  peerEnded(id: NodeId, transport: SimTransport | undefined, isDark: boolean): void;
}

/** Silence after which a connection is given up (keep-alive of node/grpc: 1 s and 2 s). */
const keepAliveMs = 3_000;
const retryMs = { first: 20, max: 500 } as const;
const connectMs = 1_000;

const nameOf = (id: NodeId): string => `n${id}`;

class Link {
  readonly #world: PeerWorld;
  readonly #from: Peer;
  readonly #fromLife: number;
  readonly #to: NodeId;
  #state: "closed" | "connecting" | "open" = "closed";
  /** The other end, of the life that accepted. */
  #other: { peer: Peer; life: number } | undefined;
  #attempt = 0;
  #retryMs: number = retryMs.first;
  #lastAt = 0;
  #isStopped = false;

  constructor(world: PeerWorld, from: Peer, to: NodeId) {
    this.#world = world;
    this.#from = from;
    this.#fromLife = from.process.life;
    this.#to = to;
    this.#connect();
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#from.process.life !== this.#fromLife;
  }

  /** The other end is nobody's concern any more: no member, no guest. */
  stop(): void {
    this.ended(0);
    this.#isStopped = true;
  }

  send(message: PeerMessage): void {
    if (this.#state !== "open" || this.#isOver) return;
    const { network, counters, trace } = this.#world;
    // As bytes, now: what changes after it was sent must not travel.
    const bytes = encodeMessage(message);
    counters.messages += 1;
    this.#world.sent(message);
    trace.event("send", this.#from.id, this.#to, message.kind, bytes.length);
    if (network.isDropped || network.isCut(nameOf(this.#from.id), nameOf(this.#to))) {
      counters.dropped += 1;
      return;
    }
    this.#carry(bytes);
    if (!network.isDoubled) return;
    counters.doubled += 1;
    this.#carry(bytes);
  }

  #carry(bytes: Buffer): void {
    const { network, time, counters } = this.#world;
    const other = this.#other;
    if (other === undefined) return;
    const [from, to] = [nameOf(this.#from.id), nameOf(this.#to)];
    network.through(from, to, () => {
      let at = time.now + network.delay(from, to);
      if (network.isReordered) {
        at += 20 * network.delay(from, to);
        counters.reordered += 1;
      } else {
        at = Math.max(at, this.#lastAt);
        this.#lastAt = at;
      }
      time.at(at, other.peer.process, () => {
        if (other.peer.process.life !== other.life) return;
        if (network.isCut(from, to)) {
          counters.dropped += 1;
          return;
        }
        other.peer.events.message(decodeMessage(bytes));
      });
    });
  }

  /** Both ends look at each other's introduction (node/grpc/peer-links.ts, peer-service.ts). */
  #connect(): void {
    if (this.#isOver) return;
    const { time, network } = this.#world;
    this.#state = "connecting";
    const attempt = ++this.#attempt;
    const [from, to] = [nameOf(this.#from.id), nameOf(this.#to)];
    const process = this.#from.process;
    const still = (): boolean => this.#state === "connecting" && this.#attempt === attempt;
    time.at(time.now + connectMs, process, () => still() && this.#closed(), "timer");
    if (network.isCut(from, to)) return;
    const hello = this.#from.members.introduce(this.#to);
    time.after(network.delay(from, to), undefined, () => {
      if (network.isCut(from, to) || network.isCut(to, from)) return;
      const peer = this.#world.peer(this.#to);
      const answer = (run: () => void): void =>
        void time.after(network.delay(to, from), process, run);
      if (peer === undefined) {
        // Connection refused.
        answer(() => still() && this.#closed());
        return;
      }
      const { life } = peer.process;
      time.after(0, peer.process, () => {
        const refusal = peer.members.meet(hello);
        if (refusal !== undefined) {
          this.#refused(peer.id, refusal.message);
          answer(() => {
            if (!still()) return;
            if (refusal.final) this.#from.events.dismissed(refusal.message);
            this.#closed();
          });
          return;
        }
        const reply = peer.members.introduce(this.#from.id);
        answer(() => {
          if (!still() || peer.process.life !== life) return;
          const back = this.#from.members.meet(reply);
          if (back !== undefined) {
            this.#refused(this.#from.id, back.message);
            this.#closed();
            return;
          }
          this.#state = "open";
          this.#retryMs = retryMs.first;
          this.#other = { peer, life };
        });
      });
    });
  }

  #refused(by: NodeId, why: string): void {
    this.#world.counters.introductionsRefused += 1;
    this.#world.trace.event("refuse", by, this.#from.id, why);
  }

  /** The connection is gone: both ends hear so, each after `ms`. */
  break(ms: number): void {
    if (this.#state !== "open" || this.#isOver) return;
    const { time } = this.#world;
    const other = this.#other;
    this.#other = undefined;
    this.#state = "connecting";
    const attempt = ++this.#attempt;
    time.after(ms, this.#from.process, () => {
      if (this.#attempt !== attempt) return;
      this.#from.events.unreachable(this.#to);
      this.#closed();
    });
    if (other === undefined) return;
    time.after(ms, other.peer.process, () => {
      if (other.peer.process.life === other.life) other.peer.events.hungUp(this.#from.id);
    });
  }

  /** The process at its beginning has ended; `ms` until the other end hears so. */
  ended(ms: number): void {
    const other = this.#other;
    if (other === undefined) return;
    this.#other = undefined;
    const { time, network } = this.#world;
    const [from, to] = [nameOf(this.#from.id), nameOf(this.#to)];
    const late = network.isCut(from, to) ? keepAliveMs : ms;
    time.after(late, other.peer.process, () => {
      if (other.peer.process.life === other.life) other.peer.events.hungUp(this.#from.id);
    });
  }

  /** The process at its other end has ended. */
  otherEnded(ms: number): void {
    if (this.#other === undefined) return;
    const { network } = this.#world;
    const cut = network.isCut(nameOf(this.#to), nameOf(this.#from.id));
    this.#other = undefined;
    const attempt = ++this.#attempt;
    this.#state = "connecting";
    this.#world.time.after(cut ? keepAliveMs : ms, this.#from.process, () => {
      if (this.#attempt !== attempt) return;
      this.#from.events.unreachable(this.#to);
      this.#closed();
    });
  }

  /** A cut that has lasted too long breaks the connection. */
  checkCut(): void {
    if (this.#state === "open") this.break(0);
  }

  #closed(): void {
    this.#state = "closed";
    this.#other = undefined;
    this.#world.time.at(
      this.#world.time.now + this.#retryMs,
      this.#from.process,
      () => this.#state === "closed" && this.#connect(),
      "timer",
    );
    this.#retryMs = Math.min(2 * this.#retryMs, retryMs.max);
  }
}

/** The links of one node, of one life. */
export class SimTransport implements Transport {
  readonly #links = new Map<NodeId, Link>();
  readonly #world: PeerWorld;
  readonly #from: Peer;
  #closed = false;

  constructor(world: PeerWorld, from: Peer) {
    this.#world = world;
    this.#from = from;
    from.members.onChange(() => this.#follow());
    this.#follow();
  }

  /** Links to whom the members say (node/members.ts ME1). */
  #follow(): void {
    if (this.#closed) return;
    const wanted = this.#from.members.links;
    for (const [id, link] of this.#links) {
      if (wanted.has(id)) continue;
      link.stop();
      this.#links.delete(id);
    }
    for (const id of wanted.keys())
      if (!this.#links.has(id)) this.#links.set(id, new Link(this.#world, this.#from, id));
  }

  send(messages: readonly PeerMessage[]): void {
    if (this.#closed) return;
    for (const message of messages) this.#links.get(message.to)?.send(message);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.ended(this.#world.network.delay(nameOf(this.#from.id), ""));
    return Promise.resolve();
  }

  link(to: NodeId): Link | undefined {
    return this.#links.get(to);
  }

  /** I2: `ms` until the others hear so. */
  ended(ms: number): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.ended(ms);
  }
}

export { keepAliveMs as peerKeepAliveMs };

// What the tests of node/ share: virtual time, a quiet logger, a configuration.

import { pino } from "pino";
import type { Clock, Timer } from "../../node/clock.ts";
import type { MemberAddress, ServerConfig } from "../../node/server-options.ts";
import type { OrderedStore, StoreSnapshot } from "../../queue/index.ts";

/** Mulberry32: small, seeded, good enough for tests. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const silent = pino({ level: "silent" });

/** Every promise that can go on has gone on: nothing in these worlds waits for anything real. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that stands still until the test moves it. Equal runs do equal things in an equal order. */
export class VirtualTime {
  now = 0;
  #soon: (() => void)[] = [];
  #timers: Scheduled[] = [];
  #order = 0;

  at(ms: number, run: () => void): Timer {
    this.#order += 1;
    const scheduled = { at: ms, order: this.#order, run };
    let place = this.#timers.length;
    while (place > 0 && (this.#timers[place - 1]?.at ?? 0) > ms) place -= 1;
    this.#timers.splice(place, 0, scheduled);
    return {
      stop: () => {
        const found = this.#timers.indexOf(scheduled);
        if (found >= 0) this.#timers.splice(found, 1);
      },
    };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.now + ms, resolve));
  }

  /** The clock of one machine. */
  clock(wallMs?: number): VirtualClock {
    return new VirtualClock(this, wallMs);
  }

  /** One turn of the event loop: what was to run soon, and everything that follows without waiting. */
  async turn(): Promise<void> {
    await settled();
    const soon = this.#soon;
    this.#soon = [];
    for (const run of soon) {
      run();
      // As after each callback of a real event loop.
      await Promise.resolve();
    }
    await settled();
  }

  /** Turns until nothing is to run soon. */
  async idle(): Promise<void> {
    do await this.turn();
    while (this.#soon.length > 0);
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.idle();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.now = Math.max(this.now, next.at);
      next.run();
      await this.idle();
    }
    this.now = end;
  }
}

/** The clock of one machine in virtual time. Its wall clock may be wrong. */
export class VirtualClock implements Clock {
  readonly #time: VirtualTime;
  readonly #wallMs: number;
  wallSkewMs = 0;
  /** What each look at the clock costs, for code that measures how long it takes. */
  lookMs = 0;
  #looked = 0;

  constructor(time: VirtualTime, wallMs = 1_700_000_000_000) {
    this.#time = time;
    this.#wallMs = wallMs;
  }

  monotonicMs(): number {
    this.#looked += this.lookMs;
    return this.#time.now + this.#looked;
  }

  wallMs(): number {
    return this.#wallMs + this.#time.now + this.wallSkewMs;
  }

  every(ms: number, run: () => void): Timer {
    let timer: Timer | undefined;
    const next = (): void => {
      timer = this.#time.at(this.#time.now + ms, () => {
        next();
        run();
      });
    };
    next();
    return { stop: () => timer?.stop() };
  }

  after(ms: number, run: () => void): Timer {
    return this.#time.at(this.#time.now + ms, run);
  }

  soon(run: () => void): void {
    this.#time.soon(run);
  }
}

/** All rows of a store, for comparison. */
export async function rowsOf(store: OrderedStore | StoreSnapshot): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for await (const batch of store.range("\x00", "\xff")) {
    for (const { key, value } of batch) rows.set(key, Buffer.from(value).toString("latin1"));
  }
  return rows;
}

export function membersOf(count: number): readonly MemberAddress[] {
  return Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    peer: `peer-${i + 1}:7401`,
    client: `client-${i + 1}:7400`,
  }));
}

export function configOf(
  nodeId: number,
  members: number,
  changes: Partial<ServerConfig> = {},
): ServerConfig {
  return {
    nodeId,
    clusterId: "test",
    data: "data",
    listen: "127.0.0.1:0",
    peerListen: "127.0.0.1:0",
    members: membersOf(members),
    join: false,
    logLevel: "silent",
    tickMs: 10,
    electionMs: 200,
    heartbeatMs: 20,
    entryBytesMax: 64 * 1024,
    uncommittedBytesMax: 8 * 1024 * 1024,
    inflightBytesMax: 1024 * 1024,
    cacheBytesMax: 1024 * 1024,
    writeBehindMs: 50,
    writeBehindBytesMax: 1024 * 1024,
    applyBacklogBytesMax: 8 * 1024 * 1024,
    logRetainBytes: 1024 * 1024,
    segmentBytes: 64 * 1024,
    snapshotChunkBytes: 512 * 1024,
    outboxBytesMax: 256 * 1024,
    lanesResidentMax: 1_000,
    drainMs: 1_000,
    enqueueFloor: 10_000,
    diskFreeMinBytes: 0,
    diskReserveBytes: 0,
    ...changes,
  };
}

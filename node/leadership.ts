// What only the leader does by the clock: it stamps entries with cluster time, lets time pass in the log, keeps the
// sessions of connected clients alive, and raises the version of the rules when every member knows a newer one (G5).
//   L1. Stamps never go back within a leadership: they follow the monotonic clock from where leadership began, so that a
//       wall clock that jumps moves nothing (P9).
//   L2. Stamps begin anew behind cluster time as soon as the state machine is up to date: what it had not applied when leadership
//       began may be stamped by a clock that was far ahead, and time would stand still until this one has caught up.

import type { Machine, Origin, Command } from "../queue/index.ts";
import type { Clock } from "./clock.ts";

/** While anything in the state machine waits for time, an entry is made at least this often (the lease clock's cap is 2 s). */
const tickAtLeastMs = 1_000;
/** Sessions that showed life are told to the log at most this often. */
const keepAliveMs = 1_000;

const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

export class Leadership {
  readonly #clock: Clock;
  #anchorWall = 0;
  #anchorMonotonic = 0;
  /** L2 is done. */
  #caughtUp = false;
  #alive = new Set<number>();
  #keptAliveAt = 0;
  #tickUnderWay = false;
  #raiseUnderWay = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(clusterTime: number): void {
    this.#caughtUp = false;
    this.#anchor(Math.max(this.#clock.wallMs(), clusterTime + 1));
    this.#alive.clear();
    this.#tickUnderWay = false;
    this.#raiseUnderWay = false;
  }

  #anchor(stamp: number): void {
    this.#anchorMonotonic = this.#clock.monotonicMs();
    this.#anchorWall = stamp;
  }

  /** Milliseconds since 1970: the stamp of an entry made now. */
  stamp(): number {
    return Math.floor(this.#anchorWall + this.#clock.monotonicMs() - this.#anchorMonotonic);
  }

  /** A client of this session was heard. */
  alive(session: number): void {
    this.#alive.add(session);
  }

  /** To be called at each tick of a leader whose state machine is up to date. `rulesVersionOfAll`: what every member knows. */
  tick(
    machine: Machine,
    submit: (origin: Origin, command: Command, done: () => void) => void,
    rulesVersionOfAll: () => number,
  ): void {
    if (!this.#caughtUp) {
      this.#caughtUp = true;
      this.#anchor(Math.max(this.stamp(), machine.clusterTime + 1));
    }
    const now = this.#clock.monotonicMs();
    if (machine.version < machine.versionMax && !this.#raiseUnderWay) {
      const version = rulesVersionOfAll();
      if (version > machine.version) {
        this.#raiseUnderWay = true;
        submit(nobody, { kind: "raise-version", version }, () => (this.#raiseUnderWay = false));
      }
    }
    if (this.#alive.size > 0 && now - this.#keptAliveAt >= keepAliveMs) {
      this.#keptAliveAt = now;
      const sessions = [...this.#alive].sort((a, b) => a - b);
      this.#alive.clear();
      submit(nobody, { kind: "keep-alive", sessions }, () => undefined);
    }
    const waits = machine.nextDeadline();
    if (waits === undefined || this.#tickUnderWay) return;
    const passed = this.stamp() - machine.clusterTime;
    if (passed < Math.min(waits, tickAtLeastMs)) return;
    this.#tickUnderWay = true;
    submit(nobody, { kind: "tick" }, () => (this.#tickUnderWay = false));
  }
}

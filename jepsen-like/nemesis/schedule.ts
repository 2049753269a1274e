// Carries a plan out on a real cluster: begins faults, waits, ends them, and looks whether the cluster is back.
//   S1. Nothing outlives its turn: every fault that was begun is ended, also when the run is stopped in the middle of it.
//   S2. After each turn all nodes are up and there is a leader, within a bound; if not, the run has failed: progress is promised
//       whenever a majority can talk. So no majority is ever gone for good.
//   S3. A fault that cannot begin now (NotNow) passes; anything else that goes wrong is a failure with its sentence.

import { setTimeout as sleep } from "node:timers/promises";
import { nowUs } from "../history/record.ts";
import { NotNow } from "./effect.ts";
import type { Fault, Injected, Ongoing, Scene } from "./fault.ts";
import { Plan, type Turn } from "./plan.ts";

/** For a leader, after everything was healed; nodes that come back from a kill have their log to read. */
const leaderMsMax = 60_000;

export interface Outcome {
  readonly injected: readonly Injected[];
  /** What must not have happened: each fails the run. */
  readonly failures: readonly string[];
  /** Turns that passed because the cluster was not in the state for it. */
  readonly passed: readonly string[];
  /** Longest time from the end of a turn until there was a leader, in milliseconds. */
  readonly recoveryMsMax: number;
}

export interface ScheduleEvents {
  began?(what: string): void;
  /** Of every fault, in the order of their ends. */
  injected?(one: Injected): void;
}

interface Begun {
  readonly fault: Fault;
  readonly ongoing: Ongoing;
  readonly from: number;
}

export class Schedule {
  readonly #scene: Scene;
  readonly #plan: Plan;
  readonly #events: ScheduleEvents;
  readonly #injected: Injected[] = [];
  readonly #failures: string[] = [];
  readonly #passed: string[] = [];
  #recoveryMsMax = 0;

  constructor(faults: readonly Fault[], scene: Scene, events: ScheduleEvents = {}) {
    this.#scene = scene;
    this.#plan = new Plan(faults, scene.random.fork("plan"));
    this.#events = events;
  }

  /** Turns until the signal fires; what goes on then is ended at once (S1). A failure ends it, too. Never rejects. */
  async run(signal: AbortSignal): Promise<Outcome> {
    do {
      const turn = this.#plan.next();
      await pause(turn.gapMs, signal);
      if (signal.aborted) break;
      await this.#take(turn, signal);
      await this.#recover();
    } while (this.#failures.length === 0);
    return {
      injected: this.#injected,
      failures: this.#failures,
      passed: this.#passed,
      recoveryMsMax: this.#recoveryMsMax,
    };
  }

  async #take(turn: Turn, signal: AbortSignal): Promise<void> {
    await Promise.all(
      turn.faults.map(async (fault, place) => {
        if (place > 0) await pause(turn.lagMs, signal);
        if (signal.aborted) return;
        const begun = await this.#begin(fault, turn.random.fork(fault.name));
        if (begun === undefined) return;
        await pause(begun.ongoing.ms, signal);
        await this.#end(begun);
      }),
    );
  }

  async #begin(fault: Fault, random: Scene["random"]): Promise<Begun | undefined> {
    const from = nowUs();
    try {
      const ongoing = await fault.begin({ ...this.#scene, random });
      this.#scene.say(`${fault.name}: ${ongoing.what}`);
      this.#events.began?.(ongoing.what);
      return { fault, ongoing, from };
    } catch (error) {
      if (error instanceof NotNow) this.#passed.push(`${fault.name}: ${error.message}`);
      else this.#fail(fault, "could not begin", error);
      return undefined;
    }
  }

  async #end({ fault, ongoing, from }: Begun): Promise<void> {
    const { what, targets } = ongoing;
    const to = (): number => nowUs();
    const add = (observed: string | undefined): void => {
      const one: Injected = {
        ...{ fault: fault.name, what, targets, from, to: to() },
        ...(observed === undefined ? {} : { observed }),
      };
      this.#injected.push(one);
      this.#events.injected?.(one);
    };
    try {
      add(await ongoing.end());
    } catch (error) {
      add(undefined);
      if (error instanceof NotNow) this.#passed.push(`${fault.name}: ${error.message}`);
      else this.#fail(fault, what, error);
    }
  }

  /** S2. */
  async #recover(): Promise<void> {
    if (this.#failures.length > 0) return;
    const began = performance.now();
    const { cluster, network } = this.#scene;
    const leader = await cluster.leader(leaderMsMax);
    this.#recoveryMsMax = Math.max(this.#recoveryMsMax, performance.now() - began);
    if (leader === undefined)
      this.#failures.push(
        `no leader ${leaderMsMax / 1_000} s after everything was healed (network disturbed ${network.disturbed} times so far)`,
      );
    const down = cluster.nodeIds.filter((id) => !cluster.isRunning(id));
    if (down.length > 0) this.#failures.push(`nodes ${down.join(", ")} ended by themselves`);
  }

  #fail(fault: Fault, what: string, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#failures.push(`${fault.name} (${what}): ${why}`);
    this.#scene.say(`${fault.name}: FAILED: ${why}`);
  }
}

/** Ends early, without an error, when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

// The worker processes of a run, from their start to the barrier: started, killed, paused, brought back under new names, drained.
//
//   W1. Every wait has a bound: `finish` returns, and says what was not reached.
//   W2. What is drawn (roles, blows, time-outs) comes from the seed alone.
//   W3. Each process has a history file of its own in the directory; the controller's is "crew.jsonl".

import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { DeclaredQueue } from "../checkers/contract.ts";
import { randomFrom, type Random } from "../nemesis/random.ts";
import type { Counts } from "./calls.ts";
import { castOf } from "./cast.ts";
import { catalogue, workloadsNamed } from "./catalogue.ts";
import { Controller } from "./controller.ts";
import { Database } from "./database.ts";
import {
  barrierQueue,
  createAll,
  drainAll,
  enqueueBarrier,
  lookAtAll,
  waitDrained,
} from "./ends.ts";
import { pause } from "./pacing.ts";
import { Slot, sum } from "./slot.ts";
import type { WorkloadQueue } from "./workload.ts";

const timeoutsMs = [700, 1_500, 3_000, 10_000] as const;
const hastyTimeoutsMs = [150, 300, 600] as const;
const sessionTtlsMs = [2_000, 4_000] as const;
const sessionTtlMsMax = Math.max(...sessionTtlsMs);
const downMs = [100, 2_000] as const;
const pausedMs = [500, 3_000] as const;
const pauseChance = 0.3;
const createMsMax = 60_000;
/** A producer ends when its last call does: after the longest time-out at the latest, and this machine may be slow. */
const stopMsMax = 25_000;
/** What the workers' own consumers may take to empty the queues; the controller takes the rest. */
const settleMsMax = 8_000;
/** A worker ends by itself fifteen seconds after it is told to. */
const closeMsMax = 20_000;
/** B1. The leader tells the log once a second whom it has heard. */
const farewellMs = sessionTtlMsMax + 2_000;
const drainMsMaxDefault = 60_000;

export interface CrewOptions {
  /** host:port as clients are to dial the nodes; asked at each start of a process. */
  readonly endpoints: () => readonly string[];
  /** Where the history files go; made if need be, and must have none. */
  readonly directory: string;
  readonly seed: string | number;
  /** Calls per second that are aimed at, of all processes together. Default 300. */
  readonly rate?: number;
  /** Names; default: all. */
  readonly workloads?: readonly string[];
  /** Processes; default 4. */
  readonly workers?: number;
  /** Mean time between two blows (a kill with a return, or a pause); 0: none. Default 8,000. */
  readonly blowEveryMs?: number;
  /** One line for who watches. Default: silent. */
  readonly say?: (line: string) => void;
}

export interface Stats extends Counts {
  /** Processes that run now. */
  readonly running: number;
  readonly kills: number;
  readonly pauses: number;
  /** Writes of zombies that the database refused. */
  readonly fenced: number;
}

export interface Finished {
  readonly stats: Stats;
  /** Log index of the barrier; 0: it was not reached. */
  readonly barrier: number;
  /** Nothing is left in any queue but dead letters, parked messages, and what waits behind those. */
  readonly isDrained: boolean;
  /** Why the run is not complete: inconclusive, not wrong. */
  readonly missing: readonly string[];
  /** What workers and the database saw that must never be seen: it fails the run. */
  readonly complaints: readonly string[];
}

export class Crew {
  /** For the checks; the barrier's too. */
  readonly queues: readonly DeclaredQueue[];
  readonly #queues: readonly WorkloadQueue[];
  readonly #slots: readonly Slot[];
  readonly #controller: Controller;
  readonly #database: Database;
  readonly #complaints: string[] = [];
  readonly #quiet = new AbortController();
  readonly #random: Random;
  readonly #blowEveryMs: number;
  readonly #say: (line: string) => void;
  #blows: Promise<void> = Promise.resolve();
  #kills = 0;
  #pauses = 0;

  private constructor(options: CrewOptions) {
    const { directory, seed, endpoints, workers = 4, rate = 300 } = options;
    this.#random = randomFrom(`${seed}:crew`);
    this.#blowEveryMs = options.blowEveryMs ?? 8_000;
    this.#say = options.say ?? (() => undefined);
    const complain = (what: string): void => {
      this.#complaints.push(what);
      this.#say(what);
    };
    const workloads =
      options.workloads === undefined ? catalogue : workloadsNamed(options.workloads);
    this.#queues = [...workloads.flatMap(({ queues }) => queues), barrierQueue];
    this.queues = this.#queues.map(({ declared }) => declared);
    this.#controller = new Controller(directory, endpoints, complain);
    this.#database = new Database(complain);
    setMaxListeners(0, this.#quiet.signal);
    this.#slots = castOf(workloads, workers, rate).map((roles, index) => {
      const name = `p${index + 1}`;
      const next = (life: number): ReturnType<ConstructorParameters<typeof Slot>[0]["next"]> => {
        const random = randomFrom(`${seed}:${name}.${life}`);
        return {
          endpoints: endpoints(),
          seed: String(seed),
          sessionTtlMs: random.pick(sessionTtlsMs),
          timeoutMs: random.pick(timeoutsMs),
          hastyTimeoutMs: random.pick(hastyTimeoutsMs),
          roles,
        };
      };
      return new Slot({ name, directory, next, database: this.#database, complain });
    });
  }

  /** Creates the queues and starts the processes. @throws {Error} when the queues cannot be created within a minute. */
  static async start(options: CrewOptions): Promise<Crew> {
    const crew = new Crew(options);
    const ends = AbortSignal.timeout(createMsMax);
    const missing = await crew.#controller.with(ends, (calls) =>
      createAll(calls, crew.#queues, ends),
    );
    if (missing.length > 0) {
      await crew.close();
      throw new Error(missing.join("; "));
    }
    for (const slot of crew.#slots) slot.start();
    crew.#blows = crew.#strike();
    return crew;
  }

  /** Of all processes and their lives (W3). */
  get files(): readonly string[] {
    return [this.#controller.file, ...this.#slots.flatMap(({ files }) => files)];
  }

  get stats(): Stats {
    return {
      ...this.#slots.map(({ counts }) => counts).reduce(sum, this.#controller.counts),
      running: this.#slots.filter(({ isRunning }) => isRunning).length,
      kills: this.#kills,
      pauses: this.#pauses,
      fenced: this.#database.refused,
    };
  }

  /** So far. */
  get complaints(): readonly string[] {
    return [...this.#complaints];
  }

  /**
   * Ends the run, when all faults are over: producers stop, consumers take what is there, processes end; what is left is drained and
   * looked at; the barrier. `drainMsMax` (default 60,000) bounds the last three.
   */
  async finish({ drainMsMax = drainMsMaxDefault } = {}): Promise<Finished> {
    this.#quiet.abort();
    await this.#blows;
    this.#say("crew: producers stop");
    await this.#each("its producers did not end: a call has no answer", (slot) =>
      slot.stop(stopMsMax),
    );
    const settles = AbortSignal.timeout(settleMsMax);
    await this.#controller.with(settles, (calls) => waitDrained(calls, this.#queues, settles));
    this.#say("crew: processes close");
    await this.#each("it did not end when it was told to", (slot) => slot.close(closeMsMax));
    // B1: those that were killed, and those whose farewell was lost.
    await sleep(farewellMs);
    this.#say("crew: drains");
    const ends = AbortSignal.timeout(drainMsMax);
    let barrier = 0;
    let isDrained = false;
    const missing = await this.#controller.with(ends, async (calls) => {
      const left = await drainAll(calls, this.#queues, ends);
      isDrained = left.length === 0;
      const before = this.#queues.filter((queue) => queue !== barrierQueue);
      left.push(...(await lookAtAll(calls, before, ends)));
      barrier = await enqueueBarrier(calls, ends);
      left.push(...(await lookAtAll(calls, [barrierQueue], ends)));
      return left;
    });
    if (barrier === 0) missing.push("the barrier could not be enqueued");
    this.#controller.end();
    return { stats: this.stats, barrier, isDrained, missing, complaints: this.complaints };
  }

  /** Ends all processes at once, when there is nothing to be proved any more. */
  async close(): Promise<void> {
    this.#quiet.abort();
    await this.#blows;
    await Promise.all(this.#slots.map((slot) => slot.kill()));
    this.#controller.end();
  }

  async #each(otherwise: string, work: (slot: Slot) => Promise<boolean>): Promise<void> {
    const done = await Promise.all(this.#slots.map(work));
    for (const [index, slot] of this.#slots.entries()) {
      if (done[index] === true) continue;
      this.#complaints.push(`worker ${slot.name}: ${otherwise}`);
    }
  }

  /** Kills and pauses, now this process and now that one, until the run goes to its end. All of them run then. */
  async #strike(): Promise<void> {
    const every = this.#blowEveryMs;
    const { signal } = this.#quiet;
    if (every === 0) return;
    while (await pause(this.#random.between(0.5 * every, 1.5 * every), signal)) {
      const slot = this.#random.pick(this.#slots);
      if (this.#random.chance(pauseChance)) {
        const ms = this.#random.between(...pausedMs);
        this.#pauses += 1;
        this.#say(`crew: ${slot.name} hangs for ${ms} ms`);
        await slot.pause(ms, signal);
      } else {
        this.#kills += 1;
        this.#say(`crew: ${slot.name} is killed`);
        await slot.kill();
        await pause(this.#random.between(...downMs), signal);
      }
      // It may have ended by itself, too: that is a complaint, and no reason to go on with fewer.
      slot.start();
    }
  }
}

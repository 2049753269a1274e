// What goes wrong, and when it ends: each fault is drawn, done, and undone after a while (reliability.md §3.3). Isolating one
// node, mostly the leader, is the most frequent of them: it already triggers most failures.

import type { NodeId } from "../../raft/index.ts";
import type { Calls } from "./calls.ts";
import type { SimClient } from "./clients.ts";
import type { Counters } from "./counters.ts";
import type { Network, Weather } from "./network.ts";
import type { Machine } from "./nodes.ts";
import type { Operator } from "./operator.ts";
import type { Random } from "./random.ts";
import type { Time } from "./time.ts";
import type { Trace } from "./trace.ts";

export const faultKinds = [
  "kill",
  "power",
  "stop",
  "pause",
  "partition",
  "usurp",
  "flap",
  "clog",
  "slow",
  "break",
  "weather",
  "io-error",
  "full",
  "stall",
  "damage",
  "wipe",
  "clock",
  "client-pause",
  "client-death",
  "membership",
  "transfer",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Default 1. */
const weights: Partial<Record<FaultKind, number>> = {
  partition: 3,
  usurp: 3,
  kill: 2,
  power: 2,
  pause: 2,
  membership: 2,
};

export interface FaultWorld {
  readonly time: Time;
  readonly network: Network;
  readonly trace: Trace;
  readonly counters: Counters;
  readonly calls: Calls;
  readonly machines: ReadonlyMap<NodeId, Machine>;
  readonly clients: SimClient[];
  readonly electionMs: number;
  readonly leader: Machine | undefined;
  readonly operator: Operator;
  replaceClient(client: SimClient): void;
  readonly violated: (what: string) => void;
}

/** Nodes whose data is away or damaged at present: never more than one, and never the only one. */
export class Faults {
  readonly #world: FaultWorld;
  readonly #random: Random;
  /** Each of them as often as it weighs. */
  readonly #weighted: readonly FaultKind[];
  readonly #calmWeather: Weather;
  /** Ends all of it. */
  readonly #undo = new Set<() => void>();
  #untouchable: Machine | undefined;
  #over = false;

  constructor(world: FaultWorld, random: Random, kinds: readonly FaultKind[]) {
    this.#world = world;
    this.#random = random;
    this.#weighted = kinds.flatMap((kind) =>
      Array.from({ length: weights[kind] ?? 1 }, () => kind),
    );
    this.#calmWeather = world.network.weather;
  }

  /** One of them, every `everyMs` in the mean, until `over`. */
  begin(everyMs: number): void {
    const next = (): void => {
      if (this.#over) return;
      if (this.#weighted.length > 0) this.#one();
      this.#world.time.after(2 * everyMs * this.#random.next(), undefined, next);
    };
    this.#world.time.after(everyMs, undefined, next);
    this.#revive();
  }

  /** Everything that was done is undone; the network is whole. What has ended stays so. */
  over(): void {
    this.#over = true;
    for (const undo of [...this.#undo]) undo();
    for (const machine of this.#machines) {
      machine.failNext = false;
      machine.failStore = false;
      machine.stalledUntil = 0;
    }
    this.#world.network.healAll();
    const lossless = { loss: 0, duplication: 0, reordering: 0 };
    this.#world.network.weather = { ...this.#calmWeather, ...lossless };
  }

  /** Somebody starts what does not run, after a while. */
  #revive(): void {
    const { time } = this.#world;
    const look = (): void => {
      if (this.#over) return;
      for (const machine of this.#machines) {
        if (machine.state !== "down" || machine === this.#untouchable) continue;
        if (this.#random.chance(0.25)) this.#start(machine);
      }
      time.after(this.#random.between(50, 500), undefined, look);
    };
    look();
  }

  #start(machine: Machine): void {
    machine.start();
  }

  #later(ms: number, undo: () => void): void {
    const once = (): void => {
      if (!this.#undo.delete(once)) return;
      undo();
    };
    this.#undo.add(once);
    this.#world.time.after(ms, undefined, once);
  }

  // ---------------------------------------------------------------- targets

  get #machines(): Machine[] {
    return [...this.#world.machines.values()].filter(({ isRetired }) => !isRetired);
  }

  get #target(): Machine {
    const { leader } = this.#world;
    return leader !== undefined && this.#random.chance(0.5)
      ? leader
      : this.#random.pick(this.#machines);
  }

  /** One mostly; a majority, all. */
  get #targets(): Machine[] {
    const dice = this.#random.next();
    if (dice < 0.7) return [this.#target];
    const all = this.#random.shuffled(this.#machines);
    return dice < 0.85 ? all.slice(0, Math.floor(all.length / 2) + 1) : all;
  }

  /** 1 to 3 election times, or less. */
  get #whileMs(): number {
    return this.#random.between(0.2, 3) * this.#world.electionMs;
  }

  // ---------------------------------------------------------------- faults

  #one(): void {
    const kind = this.#random.pick(this.#weighted);
    switch (kind) {
      case "kill":
        for (const machine of this.#targets) this.#kill(machine);
        return;
      case "power":
        for (const machine of this.#targets) {
          if (machine.state === "down") continue;
          this.#said("power", machine);
          machine.losePower();
        }
        return;
      case "stop":
        this.#said("stop", this.#target).stop();
        return;
      case "pause":
        for (const machine of this.#targets) this.#pause(machine);
        return;
      case "partition":
        this.#partition();
        return;
      case "usurp":
        this.#usurp();
        return;
      case "flap":
        this.#flap();
        return;
      case "clog":
        this.#clog();
        return;
      case "slow":
        this.#slow();
        return;
      case "break":
        this.#break();
        return;
      case "weather":
        this.#weather();
        return;
      case "io-error":
        this.#ioError();
        return;
      case "full":
        this.#full();
        return;
      case "stall":
        this.#stall();
        return;
      case "damage":
        this.#damage();
        return;
      case "wipe":
        this.#wipe();
        return;
      case "clock":
        this.#clock();
        return;
      case "client-pause":
        this.#pauseClient();
        return;
      case "client-death":
        this.#killClient();
        return;
      case "membership":
        this.#world.operator.change();
        return;
      case "transfer":
        this.#world.operator.transfer();
        return;
    }
  }

  #said(what: string, machine: Machine, more?: string | number): Machine {
    this.#world.trace.fault(what, machine.name, more);
    return machine;
  }

  #kill(machine: Machine): void {
    if (machine.state === "down") return;
    this.#said("kill", machine).kill();
    // A process manager starts it again at once.
    if (this.#random.chance(0.3)) this.#start(machine);
  }

  #pause(machine: Machine): void {
    const { time, counters } = this.#world;
    if (machine.state === "down" || machine.process.paused) return;
    const ms = this.#whileMs;
    const { life } = machine.process;
    this.#said("pause", machine, Math.round(ms));
    counters.pauses += 1;
    time.pause(machine.process);
    this.#later(ms, () => {
      if (machine.process.life === life && machine.process.paused) {
        this.#world.trace.event("resume", machine.id);
        time.resume(machine.process);
      }
    });
  }

  #partition(): void {
    const { network, trace, counters, calls, clients } = this.#world;
    const all = this.#machines.map(({ name }) => name);
    const people = clients.map(({ name }) => name);
    const target = this.#target.name;
    const others = all.filter((name) => name !== target);
    const shuffled = this.#random.shuffled(all);
    const half = Math.floor(all.length / 2);
    const [left, right] = [shuffled.slice(0, half), shuffled.slice(half)];
    const [bridge] = right;
    const cuts: [string, string][] = [];
    const one = (from: readonly string[], to: readonly string[]): void => {
      for (const a of from) for (const b of to) if (a !== b) cuts.push([a, b]);
    };
    const both = (a: readonly string[], b: readonly string[]): void => {
      one(a, b);
      one(b, a);
    };
    const kind = this.#random.pick([
      ...["isolate", "isolate", "isolate", "isolate-all", "isolate-all", "halves", "bridge"],
      ...["ring", "one-way-in", "one-way-out", "clients", "peers"],
    ]);
    if (kind === "isolate") both([target], others);
    else if (kind === "isolate-all") both([target], [...others, ...people]);
    else if (kind === "halves") both(left, right);
    else if (kind === "bridge") both(left, right.slice(1));
    else if (kind === "ring") {
      // Each sees a majority, no two see the same one.
      shuffled.forEach((name, at) => {
        const far = shuffled[(at + half) % shuffled.length];
        if (far !== undefined && shuffled.length > 3) both([name], [far]);
      });
    } else if (kind === "one-way-in") one(others, [target]);
    else if (kind === "one-way-out") one([target], others);
    else if (kind === "clients") both([target], people);
    else both(all, all);
    trace.fault("partition", kind, kind === "bridge" ? bridge : target);
    counters.partitions += 1;
    for (const [from, to] of cuts) {
      network.cut(from, to);
      if (people.includes(from) || people.includes(to)) calls.cut(from, to);
    }
    this.#cutPeers(cuts);
    const ms = this.#random.chance(0.1) ? 15_000 : this.#whileMs * 2;
    this.#later(ms, () => {
      trace.event("mend", kind);
      for (const [from, to] of cuts) network.mend(from, to);
    });
  }

  /**
   * The leader's peers hear it no more, its clients do: what it appends is lost when another one leads. It comes back just when
   * that one goes: now logs that parted must agree (fig. 8; B1, B2, A4).
   */
  #usurp(): void {
    const { network, trace, counters, leader, time } = this.#world;
    if (leader === undefined) return;
    const others = this.#machines.filter((machine) => machine !== leader);
    trace.fault("usurp", leader.name);
    counters.partitions += 1;
    const isDeaf = this.#random.chance(0.7);
    for (const { name } of others) {
      network.cut(leader.name, name);
      if (isDeaf) network.cut(name, leader.name);
    }
    let isOver = false;
    const mend = (): void => {
      isOver = true;
      trace.event("mend", "usurp", leader.name);
      for (const { name } of others) {
        network.mend(leader.name, name);
        network.mend(name, leader.name);
      }
    };
    this.#later(5 * this.#world.electionMs, mend);
    const look = (): void => {
      if (isOver || this.#over) return;
      const successor = this.#world.leader;
      if (successor === undefined || successor === leader) {
        time.after(10, undefined, look);
        return;
      }
      time.after(this.#random.between(0, 300), undefined, () => {
        if (isOver || this.#over) return;
        mend();
        const dice = this.#random.next();
        if (dice < 0.4) this.#kill(successor);
        else if (dice < 0.8) this.#pause(successor);
      });
    };
    look();
  }

  /** A connection that has said nothing for too long is given up by both ends. */
  #cutPeers(cuts: readonly (readonly [string, string])[]): void {
    const { network, time } = this.#world;
    for (const [from, to] of cuts) {
      const number = network.cutNumber(from, to);
      time.after(3_000, undefined, () => {
        if (network.cutNumber(from, to) !== number) return;
        this.#link(from, to)?.break(0);
        this.#link(to, from)?.break(0);
      });
    }
  }

  #link(from: string, to: string): ReturnType<Machine["link"]> {
    const machine = this.#machines.find(({ name }) => name === from);
    return machine?.link(Number(to.slice(1)));
  }

  #pair(): [string, string] {
    const names = this.#random.shuffled([
      ...this.#machines.map(({ name }) => name),
      ...this.#world.clients.map(({ name }) => name),
    ]);
    return [this.#target.name, names.find((name) => name !== this.#target.name) ?? "nobody"];
  }

  #flap(): void {
    const { network, trace, time } = this.#world;
    const [from, to] = this.#pair();
    trace.fault("flap", from, to);
    let left = this.#random.int(4, 20);
    const turn = (): void => {
      if (network.isCut(from, to)) network.mend(from, to);
      else if (left > 0 && !this.#over) network.cut(from, to);
      else return;
      left -= 1;
      time.after(this.#random.between(50, 200), undefined, turn);
    };
    turn();
  }

  #clog(): void {
    const { network, trace, counters } = this.#world;
    const [from, to] = this.#pair();
    trace.fault("clog", from, to);
    counters.clogs += 1;
    network.clog(from, to);
    this.#later(this.#whileMs, () => network.unclog(from, to));
  }

  #slow(): void {
    const { network, trace } = this.#world;
    const [from, to] = this.#pair();
    const ms = this.#random.pick([20, 100, 500]);
    trace.fault("slow", from, to, ms);
    network.slow(from, to, ms);
    this.#later(this.#whileMs * 2, () => network.slow(from, to, 0));
  }

  #break(): void {
    const { trace, counters, calls } = this.#world;
    const [from, to] = this.#pair();
    trace.fault("break", from, to);
    counters.brokenConnections += 1;
    calls.break(to, from);
    this.#link(from, to)?.break(0);
    if (this.#random.chance(0.5)) this.#link(to, from)?.break(0);
  }

  #weather(): void {
    const { network, trace } = this.#world;
    const random = this.#random;
    const storm: Weather = {
      delayMs: random.pick([1, 10, 100]),
      jitterMs: random.pick([1, 10, 100]),
      loss: random.pick([0, 0.05, 0.3]),
      duplication: random.pick([0, 0.1, 0.5]),
      reordering: random.pick([0, 0.1, 0.5]),
    };
    trace.fault("weather", JSON.stringify(storm));
    network.weather = storm;
    this.#later(this.#whileMs * 2, () => (network.weather = this.#calmWeather));
  }

  #ioError(): void {
    const machine = this.#target;
    if (machine.state === "down") return;
    const isStore = this.#random.chance(0.3);
    this.#said("io-error", machine, isStore ? "store" : "disk");
    if (isStore) machine.failStore = true;
    else machine.failNext = true;
  }

  #full(): void {
    const machine = this.#target;
    this.#said("full", machine);
    this.#world.counters.diskFull += 1;
    machine.roomBytes = this.#random.int(0, 4_096);
    this.#later(this.#whileMs * 3, () => (machine.roomBytes = Infinity));
  }

  #stall(): void {
    const machine = this.#target;
    const ms = this.#random.chance(0.2)
      ? 5_000
      : this.#random.between(50, 4 * this.#world.electionMs);
    this.#said("stall", machine, Math.round(ms));
    this.#world.counters.diskStalls += 1;
    machine.stalledUntil = this.#world.time.now + ms;
  }

  get #isOneUntouchable(): boolean {
    return this.#untouchable !== undefined || this.#machines.length < 2;
  }

  /**
   * Bits flip, or the end is missing, in a file of a node that does not run: it must say so, or it was harmless (F4, F7). What
   * lies behind the log's guard cannot be told from a torn write (node/log/guard.ts): so nobody hears of it, and it gets its
   * disk back as it was.
   */
  #damage(): void {
    const machine = this.#target;
    if (this.#isOneUntouchable) return;
    this.#untouchable = machine;
    if (machine.state === "up" && this.#random.chance(0.5)) {
      // Then its guard is exact: not a byte of its log may go without a word.
      machine.stop();
      this.#whenDown(machine, () => this.#damageFile(machine));
      return;
    }
    if (machine.state !== "down") machine.kill();
    this.#damageFile(machine);
  }

  #whenDown(machine: Machine, run: () => void): void {
    if (machine.state === "down") run();
    else this.#world.time.after(20, undefined, () => this.#whenDown(machine, run));
  }

  #damageFile(machine: Machine): void {
    const { trace, counters, network, time } = this.#world;
    const paths = machine.disk.paths();
    const logs = paths.filter((path) => path.endsWith(".log"));
    if (this.#over || paths.length === 0) {
      this.#untouchable = undefined;
      return;
    }
    const path = this.#random.pick(logs.length > 0 && this.#random.chance(0.5) ? logs : paths);
    const { length } = machine.disk.content(path);
    if (length === 0) {
      this.#untouchable = undefined;
      return;
    }
    const isCut = this.#random.chance(0.4);
    const at = this.#random.chance(0.3)
      ? Math.max(0, length - this.#random.int(1, 100))
      : this.#random.int(0, length - 1);
    trace.fault(isCut ? "truncate" : "flip", machine.name, `${path}@${at}`);
    counters.damaged += 1;
    const saved = machine.saved();
    const known = { ...machine.log.hardState, through: machine.log.guard.index };
    machine.disk.damage(path, (content) => {
      if (isCut) return content.subarray(0, at);
      content[at] = (content[at] ?? 0) ^ (1 << this.#random.int(0, 7));
      return content;
    });
    machine.excuse = "damage";
    network.quarantined.add(machine.name);
    machine.log.reload(machine.disk);
    machine.start();
    this.#later(this.#whileMs + 200, () => {
      if (machine.refusal !== undefined) counters.corruptVerdicts += 1;
      else this.#checkDamaged(machine, known);
      machine.restore(saved);
      trace.event("repaired", machine.id, path);
      machine.excuse = undefined;
      this.#untouchable = undefined;
      network.quarantined.delete(machine.name);
      network.mend(machine.name, machine.name);
      if (this.#over) time.after(0, undefined, () => machine.start());
    });
  }

  /** It started: then nothing is gone that must not go without a word, neither an entry nor a vote (F4, F5, A1). */
  #checkDamaged(
    { node, id }: Machine,
    known: { readonly term: number; readonly vote: number; readonly through: number },
  ): void {
    if (node === undefined) return;
    const { last, term, vote = 0 } = node.raftStatus();
    const { violated } = this.#world;
    if (last.index < known.through)
      violated(
        `F4: node ${id} starts with ${last.index} entries; it had ${known.through} for certain`,
      );
    if (term < known.term || (term === known.term && vote !== known.vote && known.vote !== 0))
      violated(`A1: node ${id} starts with another vote than it had`);
  }

  /** It comes back with an empty disk and must not be heard (C7), until it has its old disk again. */
  #wipe(): void {
    const machine = this.#target;
    if (this.#isOneUntouchable) return;
    // Begun alone, it would begin alone again: nobody is there whom it would have to ask. And of a node that nobody has met the
    // empty disk is the first one that is seen.
    if (machine.config.members.length === 1 || machine.log.last === 0) return;
    if (machine.state !== "down") machine.kill();
    this.#said("wipe", machine);
    const saved = machine.saved();
    machine.wipe();
    machine.excuse = "wiped";
    this.#untouchable = machine;
    machine.start();
    this.#later(this.#whileMs * 3, () => {
      machine.restore(saved);
      machine.excuse = undefined;
      this.#world.trace.event("unwiped", machine.id);
      this.#untouchable = undefined;
    });
  }

  #clock(): void {
    const machine = this.#target;
    const ms = Math.round(this.#random.between(-3_600_000, 3_600_000));
    this.#said("clock", machine, ms);
    this.#world.counters.clockJumps += 1;
    machine.clock.wallSkewMs += ms;
  }

  #pauseClient(): void {
    const { clients, time, trace, counters } = this.#world;
    const client = this.#random.pick(clients);
    if (client.process.paused) return;
    const ms = this.#random.between(100, 6_000);
    trace.fault("pause", client.name, Math.round(ms));
    counters.pauses += 1;
    time.pause(client.process);
    this.#later(ms, () => time.resume(client.process));
  }

  #killClient(): void {
    const { clients, trace, counters } = this.#world;
    const client = this.#random.pick(clients);
    trace.fault("client-death", client.name);
    counters.clientDeaths += 1;
    client.kill();
    this.#world.replaceClient(client);
  }
}

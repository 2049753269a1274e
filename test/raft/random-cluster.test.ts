// Whole clusters under loss, duplication, reordering, delay, partitions, crashes that lose what was not synced, compaction,
// snapshots, membership changes and transfers; all of it drawn from one seed. After every step the safety properties of fig. 3 must hold (ClusterChecks);
// after healing everything must converge. RAFT_SEED=n repeats one seed, RAFT_SEEDS=n tries that many.

import { expect, test } from "vitest";
import type { MembershipChange, Message, NodeId } from "../../raft/index.ts";
import {
  ClusterChecks,
  configOf,
  emptyDisk,
  Member,
  randomFrom,
  text,
  votersOf,
  type Disk,
  type Random,
} from "./harness.ts";

interface Faults {
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly delayMax: number;
  readonly crashRate: number;
  /** Crashes, and isolations, of whoever leads. */
  readonly leaderRate: number;
  /** A process stops for a while, leaders first, and finds everything that was sent to it when it goes on (I4). */
  readonly pauseRate: number;
  readonly cutRate: number;
  readonly compactRate: number;
  /** Entries kept below the applied index when compacting; 0 in a fifth of the seeds (E7). */
  readonly keep: number;
  readonly diskRate: number;
  readonly hintRate: number;
  /** Leaders are asked for a membership change, of any kind and of anybody (C10). */
  readonly changeRate: number;
  readonly transferRate: number;
}

function drawFaults(random: Random): Faults {
  const swarm = (rate: number): number => (random() < 0.6 ? random() * rate : 0);
  return {
    lossRate: swarm(0.3),
    duplicateRate: swarm(0.3),
    delayMax: random() < 0.5 ? 1 : 1 + Math.floor(random() * 12),
    crashRate: swarm(0.03),
    leaderRate: swarm(0.06),
    pauseRate: swarm(0.03),
    cutRate: swarm(0.08),
    compactRate: swarm(0.1),
    keep: random() < 0.2 ? 0 : Math.floor(random() * 20),
    diskRate: random() < 0.5 ? 0.9 : 0.1 + random() * 0.5,
    hintRate: swarm(0.02),
    changeRate: swarm(0.5),
    transferRate: swarm(0.1),
  };
}

class World {
  readonly random: Random;
  readonly size: number;
  faults: Faults;
  readonly checks: ClusterChecks;
  readonly #disks = new Map<NodeId, Disk>();
  readonly #up = new Map<NodeId, Member>();
  readonly #down = new Map<NodeId, Member>();
  #network: { readonly message: Message; readonly at: number }[] = [];
  readonly #cut = new Set<string>();
  /** Paused members, and when they go on. */
  readonly #paused = new Map<NodeId, number>();
  /** Machines that have learned that they were removed, and are gone. */
  readonly #retired = new Set<NodeId>();
  /** Ids are never used twice (C7). */
  #nextId: NodeId;
  #now = 0;
  #proposals = 0;
  #reads = 0;
  readonly #small: boolean;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.size = this.random() < 0.6 ? 3 : 5;
    this.faults = drawFaults(this.random);
    this.#small = this.random() < 0.5;
    this.checks = new ClusterChecks(
      () => [...this.#up.values(), ...this.#down.values()],
      (message) => this.#send(message),
    );
    const { voters } = votersOf(...Array.from({ length: this.size }, (_, n) => n + 1));
    const learners = [this.size + 1, this.size + 2].slice(Math.floor(this.random() * 5));
    for (const id of [...voters, ...learners]) {
      this.#disks.set(id, emptyDisk({ voters, learners, context: "" }));
      this.#start(id);
    }
    this.#nextId = this.size + 3;
  }

  /** A new machine, which may or may not be added in the end. */
  #join(): NodeId {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#disks.set(id, emptyDisk({ voters: [], learners: [], context: "" }));
    this.#start(id);
    return id;
  }

  #change(leader: Member): void {
    const { random } = this;
    const { voters, learners } = leader.status.membership;
    const context = random() < 0.2 ? `c${this.#now}` : leader.status.membership.context;
    const anyOf = (ids: readonly NodeId[]): NodeId => ids[Math.floor(random() * ids.length)] ?? 1;
    const luck = random();
    let change: MembershipChange;
    if (luck < 0.1) change = { kind: "set-context", context: `c${this.#now}` };
    else if (luck < 0.45 && learners.length < 2) {
      change = { kind: "add-learner", id: this.#join(), context };
    } else if (luck < 0.7) change = { kind: "promote", id: anyOf(learners), context };
    else if (luck < 0.8) change = { kind: "remove", id: leader.id, context };
    else change = { kind: "remove", id: anyOf([...voters, ...learners]), context };
    const { proposed } = leader.step({ kind: "change-membership", change });
    if (proposed?.kind === "appended") this.checks.count(change.kind);
  }

  /** A shell stops a node that was removed; some go on for a while (A11). */
  #retire(member: Member): boolean {
    if (!member.status.removed || this.random() < 0.9) return false;
    this.#retired.add(member.id);
    this.#up.delete(member.id);
    this.#down.set(member.id, member);
    this.checks.count("retired");
    return true;
  }

  #start(id: NodeId): void {
    const seed = Math.floor(this.random() * 2 ** 32);
    const limits = this.#small
      ? {
          inflightAppendsMax: 2,
          appendBytesMax: 200,
          cacheBytesMax: 500,
          uncommittedBytesMax: 2000,
        }
      : {};
    const config = configOf(id, { random: randomFrom(seed), ...limits });
    this.#down.delete(id);
    this.#up.set(id, new Member(config, this.#disks.get(id)!, this.checks));
  }

  #crash(id: NodeId): void {
    const member = this.#up.get(id);
    if (member === undefined) return;
    this.#paused.delete(id);
    member.tearDisk(this.random);
    // The flushed state may be a little older than what was applied: then the log is replayed.
    this.#up.delete(id);
    this.#down.set(id, member);
    for (const other of this.#up.values()) {
      if (this.random() < 0.5) other.step({ kind: "unreachable", peer: id });
      if (other.status.leader === id && this.random() < 0.7) other.step({ kind: "leader-gone" });
    }
  }

  #send(message: Message): void {
    if (this.#cut.has(`${message.from}>${message.to}`)) return;
    const { lossRate, duplicateRate, delayMax } = this.faults;
    if (this.random() < lossRate) return;
    const copies = this.random() < duplicateRate ? 2 : 1;
    for (let n = 0; n < copies; n += 1) {
      this.#network.push({ message, at: this.#now + Math.floor(this.random() * delayMax) });
    }
  }

  #deliver(): void {
    const due = this.#network.filter(({ at }) => at <= this.#now);
    this.#network = this.#network.filter(({ at }) => at > this.#now);
    if (this.faults.delayMax > 1) shuffle(due, this.random);
    for (const { message } of due) {
      const until = this.#paused.get(message.to);
      if (until !== undefined) {
        this.#network.push({ message, at: until });
        continue;
      }
      if (this.#cut.has(`${message.from}>${message.to}`)) continue;
      this.#up.get(message.to)?.step({ kind: "message", message });
    }
  }

  #cutSome(isolated?: NodeId): void {
    this.#cut.clear();
    const style = isolated === undefined ? this.random() : 0;
    const ids = [...this.#disks.keys()];
    const alone = isolated ?? ids[Math.floor(this.random() * ids.length)]!;
    const side = new Set(ids.filter(() => this.random() < 0.5));
    for (const from of ids) {
      for (const to of ids) {
        const isCut =
          style < 0.4
            ? from === alone || to === alone // one isolated
            : style < 0.6
              ? side.has(from) !== side.has(to) // two halves
              : style < 0.75
                ? from === alone // one way only
                : style < 0.9
                  ? this.random() < 0.3 // a mesh with holes
                  : false; // healed
        if (isCut) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  round(): void {
    const { random, faults } = this;
    this.#now += 1;
    if (random() < faults.cutRate) this.#cutSome();
    for (const id of this.#disks.keys()) {
      const member = this.#up.get(id);
      if (member === undefined) {
        if (random() < 0.05 && !this.#retired.has(id)) this.#start(id);
        continue;
      }
      if (this.#isPaused(member) || this.#retire(member)) continue;
      const isLeader = member.status.role === "leader";
      if (isLeader && random() < faults.leaderRate / 2) this.#cutSome(id);
      if (random() < (isLeader ? faults.leaderRate / 2 : 0) + faults.crashRate) {
        this.#crash(id);
        continue;
      }
      if (random() < 0.95) member.step({ kind: "tick" });
      this.#work(member);
      this.#load(member);
      if (random() < faults.hintRate) member.step({ kind: "leader-gone" });
      if (random() < faults.hintRate) {
        member.step({ kind: "unreachable", peer: 1 + Math.floor(random() * this.size) });
      }
      if (random() < faults.compactRate) {
        member.flush();
        member.compact(member.disk.machine.applied - faults.keep);
      }
    }
    this.#deliver();
  }

  #isPaused(member: Member): boolean {
    const { random, faults } = this;
    const until = this.#paused.get(member.id);
    if (until === undefined) {
      const rate = member.status.role === "leader" ? 2 * faults.pauseRate : faults.pauseRate / 2;
      if (random() < rate) this.#paused.set(member.id, this.#now + 5 + Math.floor(random() * 60));
      return false;
    }
    if (this.#now < until) return true;
    this.#paused.delete(member.id);
    // A client asks before anything that waits in the sockets is read.
    if (member.status.role === "leader") this.#read(member);
    return false;
  }

  #read(member: Member): void {
    this.#reads += 1;
    member.step({ kind: "read", id: this.#reads });
  }

  #work(member: Member): void {
    const { random, faults } = this;
    if (random() < faults.diskRate) {
      member.syncDisk(1 + Math.floor(random() * member.diskWork.length));
    }
    if (random() < 0.8) member.apply(1 + Math.floor(random() * member.applyWork.length));
    if (random() < 0.8) member.fetch();
    if (random() < 0.8) member.readSnapshot(random() < faults.lossRate / 4);
    if (random() < 0.8) member.writeSnapshot(random() < faults.lossRate / 4);
  }

  #load(member: Member): void {
    const { random } = this;
    if (member.status.role !== "leader" && random() < 0.9) return;
    const burst = random() < 0.3 ? 1 + Math.floor(random() * 5) : 0;
    for (let n = 0; n < burst; n += 1) {
      this.#proposals += 1;
      member.step({ kind: "propose", payload: text.encode(`p${this.#proposals}`) });
    }
    if (random() < 0.2) this.#read(member);
    if (random() < this.faults.changeRate) this.#change(member);
    if (random() < this.faults.transferRate) {
      const to = 1 + Math.floor(random() * this.#nextId);
      const { transfer } = member.step({ kind: "transfer", to });
      if (transfer?.kind === "started") this.checks.count("transfer");
    }
  }

  /** No more faults; everybody must come to agree, and work must go on. */
  heal(): void {
    this.faults = {
      lossRate: 0,
      duplicateRate: 0,
      delayMax: 1,
      crashRate: 0,
      leaderRate: 0,
      pauseRate: 0,
      cutRate: 0,
      compactRate: 0,
      keep: 0,
      diskRate: 1,
      hintRate: 0,
      changeRate: 0,
      transferRate: 0,
    };
    this.#cut.clear();
    this.#paused.clear();
    for (const id of [...this.#down.keys()]) if (!this.#retired.has(id)) this.#start(id);
    const marker = `marker ${this.#proposals}`;
    let proposedAt: number | undefined;
    for (let round = 0; round < 400; round += 1) {
      this.#now += 1;
      for (const member of this.#up.values()) member.step({ kind: "tick" });
      for (let hop = 0; hop < 4; hop += 1) {
        this.#deliver();
        for (const member of this.#up.values()) member.settle();
        this.#now += 1;
      }
      const leader = this.leader();
      if (round > 60 && leader !== undefined && proposedAt === undefined) {
        const { proposed } = leader.step({ kind: "propose", payload: text.encode(marker) });
        if (proposed?.kind === "appended") proposedAt = proposed.id.index;
      }
      if (proposedAt !== undefined && this.#isDone(proposedAt)) return;
    }
    throw new Error(`no convergence after healing: ${this.describe()}`);
  }

  /** Members of the last membership; the others may never learn that they are none. */
  #isDone(index: number): boolean {
    const leader = this.leader();
    if (leader === undefined) return false;
    const { voters, learners } = leader.status.membership;
    return [...voters, ...learners].every((id) => {
      const member = this.#up.get(id);
      return member !== undefined && member.machine.applied >= index;
    });
  }

  leader(): Member | undefined {
    const leaders = [...this.#up.values()].filter(({ status }) => status.role === "leader");
    return leaders.length === 1 ? leaders[0] : undefined;
  }

  describe(): string {
    return [...this.#up.values()]
      .filter(({ status }) => status.term > 0)
      .map((member) => JSON.stringify({ ...member.status, machine: member.machine.applied }))
      .join("\n");
  }
}

function shuffle(items: unknown[], random: Random): void {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [items[at], items[other]] = [items[other]!, items[at]!];
  }
}

function run(seed: number): ClusterChecks {
  const world = new World(seed);
  try {
    for (let round = 0; round < 300; round += 1) world.round();
    world.heal();
  } catch (cause) {
    throw new Error(`RAFT_SEED=${seed}: ${String(cause)}`, { cause });
  }
  return world.checks;
}

const only = process.env["RAFT_SEED"];
const seeds = Number(process.env["RAFT_SEEDS"] ?? 200);
const first = Number(process.env["RAFT_FIRST"] ?? 1);

test("any schedule of faults keeps the safety properties (fig. 3), and healing brings progress", () => {
  if (only !== undefined) {
    run(Number(only));
    return;
  }
  let snapshots = 0;
  let leaders = 0;
  let reads = 0;
  let committed = 0;
  let truncations = 0;
  const counts = new Map<string, number>();
  for (let seed = first; seed < first + seeds; seed += 1) {
    const checks = run(seed);
    snapshots += checks.snapshotsInstalled;
    leaders += checks.leaderChanges;
    reads += checks.readsServed;
    committed += checks.maxCommitted;
    truncations += checks.truncations;
    for (const [what, count] of checks.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  // A run in which nothing happened proves nothing.
  expect(snapshots).toBeGreaterThan(seeds / 20);
  expect(leaders).toBeGreaterThan(2 * seeds);
  expect(reads).toBeGreaterThan(seeds);
  expect(committed).toBeGreaterThan(20 * seeds);
  expect(truncations).toBeGreaterThan(seeds / 20);
  for (const what of [
    ...["add-learner", "promote", "remove", "set-context"],
    ...["removed leader", "retired", "rolled back", "transfer", "transferred", "given up"],
  ]) {
    expect(counts.get(what), what).toBeGreaterThan(seeds / 20);
  }
  if (process.env["RAFT_SEEDS"] !== undefined) {
    console.log({ seeds, snapshots, leaders, reads, committed, truncations }, counts);
  }
}, 600_000);

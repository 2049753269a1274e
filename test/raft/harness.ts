// What the tests of raft/ share: seeded randomness, a member with a simulated disk and state machine around the real core,
// and the checks that hold over a whole cluster after every step.

import {
  decodeMembership,
  origin,
  Raft,
  violations,
  type Entry,
  type EntryId,
  type Fetch,
  type HardState,
  type Input,
  type Membership,
  type Message,
  type NodeId,
  type Output,
  type Persist,
  type RaftConfig,
  type RaftStatus,
  type Restored,
  type SnapshotId,
  type SnapshotRead,
  type SnapshotWrite,
} from "../../raft/index.ts";

import { promotionLagMax } from "../../raft/config.ts";

export type Random = () => number;

/** Mulberry32: small, seeded, good enough for tests. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function configOf(id: NodeId, changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id,
    electionTicks: 10,
    heartbeatTicks: 2,
    inflightAppendsMax: 8,
    inflightBytesMax: 1 << 20,
    appendBytesMax: 1 << 16,
    uncommittedBytesMax: 1 << 20,
    cacheBytesMax: 1 << 20,
    random: randomFrom(id),
    ...changes,
  };
}

export const text = new TextEncoder();
export const plain = new TextDecoder();

export function entry(term: number, index: number, payload = `${term}.${index}`): Entry {
  return { term, index, kind: "command", payload: text.encode(payload) };
}

export function votersOf(...voters: NodeId[]): Membership {
  return { voters, learners: [], context: "" };
}

function membershipsOf(entries: readonly Entry[]): Restored["memberships"][number][] {
  return entries
    .filter(({ kind }) => kind === "membership")
    .map(({ index, payload }) => ({ index, membership: decodeMembership(payload) }));
}

/** What a member finds on its disk: by default a new cluster of three. */
export function restored(changes: {
  hardState?: HardState;
  entries?: readonly Entry[];
  membership?: Membership;
  last?: EntryId;
  applied?: number;
}): Restored {
  const last = changes.last ?? origin;
  const entries = changes.entries ?? [];
  const termRuns: { firstIndex: number; term: number }[] = [];
  let { term } = last;
  for (const { index, term: entryTerm } of entries) {
    if (entryTerm > term || termRuns.length === 0) {
      termRuns.push({ firstIndex: index, term: entryTerm });
    }
    term = entryTerm;
  }
  return {
    hardState: changes.hardState ?? { term, vote: undefined },
    snapshot: { last, membership: changes.membership ?? votersOf(1, 2, 3) },
    termRuns,
    lastIndex: last.index + entries.length,
    memberships: membershipsOf(entries),
    applied: changes.applied ?? last.index,
  };
}

/** The state machine: a chain over everything applied, so that any difference in history shows. */
export interface Machine {
  readonly applied: number;
  readonly chain: number;
}

function applyTo({ chain }: Machine, { index, term, kind, payload }: Entry): Machine {
  let hash = Math.imul(chain ^ index, 0x9e3779b1) ^ Math.imul(term, 0x85ebca6b) ^ kind.length;
  for (const byte of payload) hash = Math.imul(hash ^ byte, 0x01000193);
  return { applied: index, chain: hash >>> 0 };
}

const chunksPerSnapshot = 3;

/** Bytes that survive a crash. */
export interface Disk {
  hardState: HardState;
  /** The log was dropped through here. */
  base: SnapshotId;
  /** Entries above the base. */
  entries: Entry[];
  memberships: { index: number; membership: Membership }[];
  machine: Machine;
}

export function emptyDisk(membership: Membership): Disk {
  return {
    hardState: { term: 0, vote: undefined },
    base: { last: origin, membership },
    entries: [],
    memberships: [],
    machine: { applied: 0, chain: 0 },
  };
}

type DiskWork =
  | { readonly kind: "persist"; readonly persist: Persist; readonly after: Message[] }
  | { readonly kind: "install"; readonly snapshot: SnapshotId; readonly machine: Machine };

export interface Observer {
  sent(node: Member, message: Message, afterPersist: boolean): void;
  stepped(node: Member, input: Input, before: RaftStatus, after: RaftStatus, output: Output): void;
  applied(node: Member, machine: Machine): void;
}

/** A member: the core, a disk that is slow, a state machine that lags. Every piece of work is done when the test says so. */
export class Member {
  readonly id: NodeId;
  readonly disk: Disk;
  raft: Raft;
  status: RaftStatus;
  /** The log as the core has it in memory: on disk plus what is being written. */
  logBase: EntryId;
  log: Entry[];
  machine: Machine;
  diskWork: DiskWork[] = [];
  applyWork: Entry[] = [];
  fetchWork: Fetch[] = [];
  readWork: SnapshotRead[] = [];
  writeWork: SnapshotWrite[] = [];
  #open = new Map<string, { snapshot: SnapshotId; machine: Machine }>();
  #received: string[] = [];
  readonly #observer: Observer;

  constructor(config: RaftConfig, disk: Disk, observer: Observer) {
    this.id = config.id;
    this.disk = disk;
    this.#observer = observer;
    const { last, membership } = disk.base;
    this.raft = new Raft(config, {
      ...restored({
        hardState: disk.hardState,
        entries: disk.entries,
        membership,
        last,
        applied: disk.machine.applied,
      }),
      memberships: disk.memberships,
    });
    this.logBase = last;
    this.log = [...disk.entries];
    this.machine = disk.machine;
    this.status = this.raft.status();
  }

  step(input: Input): Output {
    const before = this.status;
    const output = this.raft.step(input);
    this.status = this.raft.status();
    const { persist } = output;
    if (persist?.truncateAfter !== undefined) {
      this.log.length = persist.truncateAfter - this.logBase.index;
    }
    if (persist !== undefined) for (const item of persist.entries) this.log.push(item);
    this.#observer.stepped(this, input, before, this.status, output);
    for (const message of output.sendNow) this.#observer.sent(this, message, false);
    this.#queueAfterPersist(output);
    this.applyWork.push(...output.committed);
    this.fetchWork.push(...output.fetches);
    this.readWork.push(...output.snapshotReads);
    if (output.snapshotWrite !== undefined) this.writeWork.push(output.snapshotWrite);
    return output;
  }

  #queueAfterPersist({ persist, sendAfterPersist }: Output): void {
    if (persist !== undefined) {
      this.diskWork.push({ kind: "persist", persist, after: [...sendAfterPersist] });
      return;
    }
    const last = this.diskWork.findLast((work) => work.kind === "persist");
    if (last !== undefined) last.after.push(...sendAfterPersist);
    else for (const message of sendAfterPersist) this.#observer.sent(this, message, true);
  }

  termAt(index: number): number | undefined {
    if (index === this.logBase.index) return this.logBase.term;
    return this.log[index - this.logBase.index - 1]?.term;
  }

  /** The entry is on disk, or covered by the snapshot there. */
  holdsDurably({ index, term }: EntryId): boolean {
    const { base, entries } = this.disk;
    return index <= base.last.index || entries[index - base.last.index - 1]?.term === term;
  }

  /** Does the oldest `count` pieces of disk work: persists in a row as one group commit, an installation alone. */
  syncDisk(count = this.diskWork.length): void {
    for (let left = Math.min(count, this.diskWork.length); left > 0;) {
      const group: (DiskWork & { kind: "persist" })[] = [];
      for (const work of this.diskWork.slice(0, left)) {
        if (work.kind === "install") break;
        group.push(work);
      }
      left -= Math.max(1, group.length);
      if (group.length === 0) this.#install();
      else this.#commitGroup(group);
    }
  }

  #commitGroup(group: readonly (DiskWork & { kind: "persist" })[]): void {
    for (const { persist } of group) this.#write(persist, persist.entries.length);
    this.diskWork.splice(0, group.length);
    const sequence = group.at(-1)!.persist.sequence;
    this.step({ kind: "persisted", sequence });
    for (const { after } of group) {
      for (const message of after) this.#observer.sent(this, message, true);
    }
  }

  #write({ hardState, truncateAfter, entries }: Persist, count: number): void {
    const { disk } = this;
    if (hardState !== undefined) disk.hardState = hardState;
    if (truncateAfter !== undefined) {
      disk.entries.length = truncateAfter - disk.base.last.index;
      disk.memberships = disk.memberships.filter(({ index }) => index <= truncateAfter);
    }
    const written = entries.slice(0, count);
    disk.entries.push(...written);
    disk.memberships.push(...membershipsOf(written));
  }

  /** What a crash leaves: some prefix of the work under way, the last of it perhaps in part. */
  tearDisk(random: Random): void {
    const count = Math.floor(random() * (this.diskWork.length + 1));
    for (const work of this.diskWork.slice(0, count)) {
      if (work.kind === "install") return;
      this.#write(work.persist, work.persist.entries.length);
    }
    const torn = this.diskWork[count];
    if (torn?.kind === "persist" && random() < 0.5) {
      this.#write(torn.persist, Math.floor(random() * (torn.persist.entries.length + 1)));
    }
  }

  apply(count = this.applyWork.length): void {
    const entries = this.applyWork.splice(0, count);
    if (entries.length === 0) return;
    for (const item of entries) {
      if (item.index !== this.machine.applied + 1) throw new Error("O4: applied out of order");
      this.machine = applyTo(this.machine, item);
      this.#observer.applied(this, this.machine);
    }
    this.step({ kind: "applied", index: this.machine.applied });
  }

  /** The state machine on disk catches up with the one in memory. */
  flush(): void {
    this.disk.machine = this.machine;
  }

  /** Drops the log on disk through `index`, which the durable state machine covers. */
  compact(index: number): void {
    const { disk } = this;
    if (index > disk.machine.applied || index <= disk.base.last.index) return;
    const base = this.raft.snapshotIdAt(index);
    disk.entries.splice(0, index - disk.base.last.index);
    disk.memberships = disk.memberships.filter((change) => change.index > index);
    disk.base = base;
    this.log.splice(0, index - this.logBase.index);
    this.logBase = base.last;
    this.step({ kind: "compacted", index });
  }

  fetch(): void {
    const work = this.fetchWork.shift();
    if (work === undefined) return;
    const { for: to, from, through, bytesMax } = work;
    const entries: Entry[] = [];
    let bytes = 0;
    const { base, entries: stored } = this.disk;
    for (let index = from; index <= through && from > base.last.index; index += 1) {
      const item = stored[index - base.last.index - 1];
      if (item === undefined) break;
      bytes += item.payload.byteLength;
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(item);
    }
    this.step({ kind: "fetched", for: to, from, entries });
  }

  readSnapshot(isLost = false): void {
    const work = this.readWork.shift();
    if (work === undefined) return;
    const { to, last, chunk } = work;
    if (last === undefined) {
      const snapshot = this.raft.snapshotIdAt(this.machine.applied);
      this.#open.set(`${to}`, { snapshot, machine: this.machine });
    }
    const open = this.#open.get(`${to}`);
    if (
      isLost ||
      open === undefined ||
      (last !== undefined && open.snapshot.last.index !== last.index)
    ) {
      this.#open.delete(`${to}`);
      this.step({ kind: "snapshot-lost", to });
      return;
    }
    const { snapshot, machine } = open;
    const whole = JSON.stringify(machine);
    const size = Math.ceil(whole.length / chunksPerSnapshot);
    const data = text.encode(whole.slice(chunk * size, (chunk + 1) * size));
    const done = chunk === chunksPerSnapshot - 1;
    this.step({ kind: "snapshot-read", to, snapshot, chunk, data, done });
  }

  writeSnapshot(isRejected = false): void {
    const work = this.writeWork.shift();
    if (work === undefined) return;
    const { snapshot, chunk, data, done } = work;
    if (isRejected) {
      this.step({ kind: "snapshot-rejected", last: snapshot.last });
      return;
    }
    if (chunk === 0) this.#received = [];
    if (this.#received.length !== chunk) throw new Error("S1: a chunk out of order");
    this.#received.push(plain.decode(data));
    if (!done) {
      this.step({ kind: "snapshot-written", last: snapshot.last, chunk });
      return;
    }
    const machine = JSON.parse(this.#received.join("")) as Machine;
    if (machine.applied !== snapshot.last.index) throw new Error("S1: chunks of two snapshots");
    this.diskWork.push({ kind: "install", snapshot, machine });
  }

  /** O5: what was handed out before comes first. Persists handed out since, hard states, are still in the queue (O3). */
  #install(): void {
    const work = this.diskWork.shift();
    if (work?.kind !== "install") throw new Error("an installation");
    const { snapshot, machine } = work;
    this.apply();
    const { disk } = this;
    disk.base = snapshot;
    disk.entries = [];
    disk.memberships = [];
    disk.machine = machine;
    this.machine = machine;
    this.logBase = snapshot.last;
    this.log = [];
    this.#observer.applied(this, machine);
    this.step({ kind: "snapshot-installed", snapshot });
  }

  /** Everything that waits, until nothing does. */
  settle(): void {
    for (;;) {
      if (this.diskWork.length > 0) this.syncDisk();
      else if (this.applyWork.length > 0) this.apply();
      else if (this.fetchWork.length > 0) this.fetch();
      else if (this.readWork.length > 0) this.readSnapshot();
      else if (this.writeWork.length > 0) this.writeSnapshot();
      else return;
    }
  }
}

class Violation extends Error {
  override readonly name = "Violation";
}

/** The safety properties of fig. 3 and some of our own, over all members and all time. */
export class ClusterChecks implements Observer {
  readonly members: () => Iterable<Member>;
  readonly transport: (message: Message) => void;
  readonly #leaders = new Map<number, NodeId>();
  readonly #entries = new Map<string, string>();
  /** Terms of committed entries by index. */
  readonly committed: number[] = [];
  /** The terms in which they were committed. */
  readonly #committedIn: number[] = [];
  readonly #chains: number[] = [0];
  readonly #readFloor = new Map<number, number>();
  /** Terms that were campaigned for at a leader's request. */
  readonly #handedOver = new Set<number>();
  readsServed = 0;
  snapshotsInstalled = 0;
  leaderChanges = 0;
  truncations = 0;
  /** What happened how often, by name: against runs in which nothing does. */
  readonly counts = new Map<string, number>();

  constructor(members: () => Iterable<Member>, transport: (message: Message) => void) {
    this.members = members;
    this.transport = transport;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  get maxCommitted(): number {
    return Math.max(0, this.committed.length - 1);
  }

  sent(node: Member, message: Message, afterPersist: boolean): void {
    const { kind } = message;
    if (kind === "vote-request" || (kind === "vote-reply" && message.granted)) {
      this.#check(afterPersist, "O3: a vote before the disk");
      const { term, vote } = node.disk.hardState;
      this.#check(term >= message.term, "V1: a vote in a term that is not durable");
      const voted = kind === "vote-request" ? node.id : message.to;
      this.#check(term > message.term || vote === voted, "V1: a vote that is not durable");
    }
    if (kind === "append-reply" && message.outcome.kind === "accepted") {
      this.#check(afterPersist, "O3: an acknowledgement before the disk");
      this.#check(node.disk.hardState.term >= message.term, "R2: the term is durable first");
      const durable = node.disk.base.last.index + node.disk.entries.length;
      // A later step may have shortened the log by a conflict; it has then moved to a newer term.
      if (node.disk.hardState.term === message.term) {
        this.#check(message.outcome.match <= durable, "AE4: acknowledged what is not durable");
      }
    }
    this.transport(message);
  }

  stepped(node: Member, input: Input, before: RaftStatus, after: RaftStatus, output: Output): void {
    for (const violation of violations(before, after)) this.#check(false, violation);
    if (input.kind === "read") this.#readFloor.set(input.id, this.maxCommitted);
    if (input.kind === "snapshot-installed") this.snapshotsInstalled += 1;
    this.#recordEntries(node, output);
    this.#checkChange(node, input, before, output);
    this.#countEvents(node, before, after, output);
    if (after.role === "leader" && before.role !== "leader") this.#elected(node, after);
    if (after.commit > before.commit) this.#recordCommit(node, before.commit, after.commit);
    for (const item of output.committed) {
      this.#check(this.committed[item.index] === item.term, "state machine safety: handed out");
    }
    for (const { id, index } of output.reads) {
      const floor = this.#readFloor.get(id);
      this.#check(floor !== undefined, "RI3: a read has one outcome");
      this.#readFloor.delete(id);
      if (index === undefined) continue;
      this.readsServed += 1;
      this.#check(
        index >= (floor ?? 0),
        `RI2: a stale read at ${index}, committed were ${floor ?? 0}`,
      );
    }
  }

  /** R7, C6: nothing here trusts what the leader keeps about its followers. */
  #checkChange(node: Member, input: Input, before: RaftStatus, { proposed }: Output): void {
    if (input.kind !== "change-membership" || proposed?.kind !== "appended") return;
    const { change } = input;
    this.#check(node.termAt(before.commit) === before.term, "R7: a change before the own term");
    this.#check(before.transferee === undefined, "TR5: a change during a hand-over");
    if (change.kind !== "promote") return;
    const learner = [...this.members()].find(({ id }) => id === change.id);
    const term = node.termAt(before.commit - promotionLagMax) ?? 0;
    const needed = { index: before.commit - promotionLagMax, term };
    this.#check(learner?.holdsDurably(needed) === true, "C6: promoted although it lags");
  }

  #countEvents(node: Member, before: RaftStatus, after: RaftStatus, output: Output): void {
    if (after.membershipIndex < before.membershipIndex) this.count("rolled back");
    if (before.transferee !== undefined && after.transferee === undefined) {
      if (after.role === "leader") this.count("given up");
    }
    const isMember = after.membership.voters.includes(node.id);
    if (before.role === "leader" && after.role !== "leader" && !isMember) {
      if (after.membershipCommitted) this.count("removed leader");
    }
    for (const message of output.sendAfterPersist) {
      if (message.kind === "vote-request" && message.transfer) this.#handedOver.add(message.term);
    }
    if (before.role === "candidate" && after.role === "leader") {
      if (this.#handedOver.has(after.term)) this.count("transferred");
    }
  }

  applied(_node: Member, { applied, chain }: Machine): void {
    this.#check(
      applied <= this.maxCommitted,
      "state machine safety: applied what is not committed",
    );
    const known = this.#chains[applied];
    this.#check(
      known === undefined || known === chain,
      `state machine safety: two states at ${applied}`,
    );
    this.#chains[applied] = chain;
  }

  /** Log matching: an entry has one payload and one predecessor everywhere, so equal ids mean equal logs up to them. */
  #recordEntries(node: Member, { persist }: Output): void {
    if (persist?.truncateAfter !== undefined) this.truncations += 1;
    for (const { index, term, kind, payload } of persist?.entries ?? []) {
      const key = `${term}/${index}`;
      const value = `${node.termAt(index - 1) ?? "?"} ${kind} ${plain.decode(payload)}`;
      const known = this.#entries.get(key);
      this.#check(known === undefined || known === value, `log matching at ${key}`);
      this.#entries.set(key, value);
    }
  }

  #elected(node: Member, { term, id }: RaftStatus): void {
    this.leaderChanges += 1;
    const known = this.#leaders.get(term);
    this.#check(
      known === undefined || known === id,
      `election safety: two leaders in term ${term}`,
    );
    this.#leaders.set(term, id);
    const { voters } = node.status.membership;
    let votes = 0;
    for (const { id: voter, disk } of this.members()) {
      const { term: at, vote } = disk.hardState;
      if (voters.includes(voter) && (at > term || (at === term && vote === id))) votes += 1;
    }
    this.#check(votes * 2 > voters.length, `V1: ${id} leads term ${term} without a durable quorum`);
    const { index: base } = node.logBase;
    for (let index = base + 1; index < this.committed.length; index += 1) {
      // Of the leaders of *later* terms, that is: a paused candidate may count its votes when its term is long over.
      if ((this.#committedIn[index] ?? 0) >= term) break;
      this.#check(node.termAt(index) === this.committed[index], `leader completeness at ${index}`);
    }
  }

  #recordCommit(node: Member, before: number, after: number): void {
    const { voters } = node.status.membership;
    for (let index = Math.max(before, node.logBase.index) + 1; index <= after; index += 1) {
      const term = node.termAt(index);
      this.#check(term !== undefined, "T3: committed is in the log");
      const known = this.committed[index];
      this.#check(known === undefined || known === term, `state machine safety at ${index}`);
      if (known !== undefined || term === undefined) continue;
      let holders = 0;
      for (const member of this.members()) {
        if (voters.includes(member.id) && member.holdsDurably({ index, term })) holders += 1;
      }
      this.#check(holders * 2 > voters.length, `B7: ${index} committed without a durable quorum`);
      this.committed[index] = term;
      this.#committedIn[index] = node.status.term;
    }
  }

  #check(condition: boolean, violation: string): void {
    if (!condition) throw new Violation(violation);
  }
}

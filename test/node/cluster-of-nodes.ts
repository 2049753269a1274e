// Whole nodes in one process and in virtual time: the real loop, applier, log, snapshots and state directory on simulated
// disks, stores, clocks and links. Everything that is random comes from one seed; the same seed does the same things.

import type { MemberAddress, ServerConfig } from "../../node/server-options.ts";
import { DiskSpace } from "../../node/disk-space.ts";
import { Node } from "../../node/node.ts";
import { Members } from "../../node/members.ts";
import { openLog } from "../../node/open-log.ts";
import { decodeMessage, encodeMessage } from "../../node/peer-codec.ts";
import type { PeerMessage } from "../../node/peer-report.ts";
import type { Unanswered } from "../../node/proposer.ts";
import { StateDirectory } from "../../node/state-directory.ts";
import type { TransportEvents } from "../../node/transport.ts";
import type { Answer, Command, Origin } from "../../queue/index.ts";
import type { NodeId } from "../../raft/index.ts";
import { configOf, randomFrom, settled, silent, VirtualTime, type VirtualClock } from "./fakes.ts";
import { SimStores, type StoreOperation } from "../../testing/disk/sim-stores.ts";
import { SimDisk, type Operation, type SimDiskOptions } from "../../testing/disk/sim-disk.ts";

export const nobody: Origin = { session: 0, sequence: 0, floor: 0 };

export interface WorldOptions {
  readonly seed?: number;
  readonly nodes?: number;
  readonly config?: Partial<ServerConfig>;
  /** Milliseconds that a message travels; default 1 to 2. */
  readonly latencyMs?: (from: NodeId, to: NodeId) => number;
  /** Milliseconds that an operation of a disk takes; default: a sync takes 1. */
  readonly diskMs?: (id: NodeId, operation: Operation) => number;
  /** Milliseconds that an operation of a store takes; default 0. */
  readonly storeMs?: (id: NodeId, operation: StoreOperation) => number;
}

/** Members without introductions: here everybody is who he says he is. */
export function acquainted(nodeId: NodeId, members: readonly MemberAddress[]): Members {
  const self = { clusterId: "test", nodeId, incarnation: `disk-${nodeId}` };
  return new Members(self, members, { known: () => undefined, remember: () => undefined });
}

export class Member {
  readonly id: NodeId;
  readonly config: ServerConfig;
  readonly clock: VirtualClock;
  disk: SimDisk;
  stores = new SimStores();
  /** undefined: it does not run. */
  node: Node | undefined;
  events: TransportEvents | undefined;
  /** Counts starts: what belongs to an earlier life is void. */
  life = 0;
  /** What its lives ended of (consensus.ts N3). */
  readonly failures: unknown[] = [];

  constructor(id: NodeId, config: ServerConfig, time: VirtualTime, disk: SimDisk) {
    this.id = id;
    this.config = config;
    this.clock = time.clock();
    this.disk = disk;
  }

  get running(): Node {
    if (this.node === undefined) throw new Error(`node ${this.id} does not run`);
    return this.node;
  }
}

/** A call, and everything that was ever answered to it: more than one answer is a bug (R10). */
export interface Asked {
  readonly answers: (Answer | Unanswered)[];
}

export class ClusterOfNodes {
  readonly time = new VirtualTime();
  readonly random: () => number;
  readonly members: ReadonlyMap<NodeId, Member>;
  readonly #options: WorldOptions;
  /** One-way: "from>to". */
  readonly #cut = new Set<string>();
  /** R9: the digest at each applied index, as the first node that got there had it. */
  readonly #digests = new Map<number, string>();
  readonly #busyUntil = new Map<NodeId, number>();
  readonly asked: Asked[] = [];
  /** Nodes whose state a test has changed on purpose: `check` does not compare them. */
  readonly drifted = new Set<NodeId>();
  messages = 0;
  snapshotChunks = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.random = randomFrom(options.seed ?? 1);
    const count = options.nodes ?? 3;
    this.members = new Map(
      Array.from({ length: count }, (_, i) => {
        const config = configOf(i + 1, count, options.config);
        return [i + 1, new Member(i + 1, config, this.time, this.#disk(i + 1))] as const;
      }),
    );
  }

  static async started(options: WorldOptions = {}): Promise<ClusterOfNodes> {
    const world = new ClusterOfNodes(options);
    for (const id of world.members.keys()) await world.start(id);
    return world;
  }

  member(id: NodeId): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  node(id: NodeId): Node {
    return this.member(id).running;
  }

  get running(): Member[] {
    return [...this.members.values()].filter((member) => member.node !== undefined);
  }

  /** The leader that can serve, of the highest term. */
  get leader(): Member | undefined {
    const leaders = this.running.filter(({ node }) => node?.ready === true);
    return leaders.sort((a, b) => a.running.term - b.running.term).at(-1);
  }

  // ---------------------------------------------------------------- lives

  async start(id: NodeId): Promise<Node> {
    const member = this.member(id);
    if (member.node !== undefined) throw new Error(`node ${id} runs`);
    member.life += 1;
    const { life, config, clock } = member;
    const fatal = (error: unknown): void => {
      if (member.life !== life) return;
      member.failures.push(error);
      // The process ends: nothing that it has in hand reaches anybody.
      this.#end(member);
    };
    const { storeMs } = this.#options;
    if (storeMs !== undefined) {
      member.stores.gate = (operation) => {
        const ms = storeMs(id, operation);
        return ms > 0 ? this.time.sleep(ms) : undefined;
      };
    }
    const starting = (async (): Promise<Node> => {
      const space = await DiskSpace.open(member.disk, config.data, clock, config, silent);
      const opened = await StateDirectory.open(
        member.disk,
        `${config.data}/state`,
        member.stores,
        config,
      );
      const { log, restored } = await openLog(
        member.disk,
        `${config.data}/log`,
        config,
        silent,
        opened.installed,
        {
          onFailure: fatal,
          now: () => clock.monotonicMs(),
        },
      );
      return new Node(config, {
        clock,
        log,
        restored,
        states: opened.directory,
        state: opened.state,
        space,
        random: this.random,
        logger: silent,
        members: acquainted(id, config.members),
        fatal,
        connect: (events) => {
          member.events = events;
          return {
            send: (messages) => {
              if (member.life === life) this.#send(messages);
            },
            close: () => Promise.resolve(),
          };
        },
      });
    })();
    member.node = await this.finished(starting);
    return member.node;
  }

  /** SIGKILL: the page cache stays. */
  kill(id: NodeId): void {
    const member = this.member(id);
    this.#end(member);
    member.disk = member.disk.kill(this.#diskOptions(id));
    member.stores = member.stores.kill();
  }

  /** The machine loses power: what was not synced may be gone. */
  powerLoss(id: NodeId): void {
    const member = this.member(id);
    this.#end(member);
    member.disk = member.disk.crash(this.#diskOptions(id));
    member.stores = member.stores.crash(this.random);
  }

  /** A node that has ended by itself is made startable again. */
  bury(id: NodeId): void {
    this.kill(id);
  }

  /** SIGTERM. */
  async stop(id: NodeId): Promise<void> {
    const member = this.member(id);
    await this.finished(member.running.stop());
    this.#end(member);
  }

  #end(member: Member): void {
    member.life += 1;
    member.node = undefined;
    member.events = undefined;
    for (const other of this.members.values()) {
      if (other === member) continue;
      const { life } = other;
      this.time.at(this.time.now + 1, () => {
        if (other.life !== life || this.#isCut(member.id, other.id)) return;
        other.events?.unreachable(member.id);
        other.events?.hungUp(member.id);
      });
    }
  }

  // ---------------------------------------------------------------- links and disks

  /** Nothing comes through between these groups, and nobody is told. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    this.heal();
    const groupOf = (id: NodeId): number => groups.findIndex((group) => group.includes(id));
    for (const from of this.members.keys()) {
      for (const to of this.members.keys()) {
        if (groupOf(from) !== groupOf(to)) this.#cut.add(`${from}>${to}`);
      }
    }
  }

  isolate(id: NodeId): void {
    this.partition(
      [id],
      [...this.members.keys()].filter((other) => other !== id),
    );
  }

  heal(): void {
    this.#cut.clear();
  }

  #isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  #send(messages: readonly PeerMessage[]): void {
    for (const message of messages) {
      const { from, to } = message;
      this.messages += 1;
      if (message.kind === "snapshot-chunk") this.snapshotChunks += 1;
      if (this.#isCut(from, to)) continue;
      // As bytes, now: what changes after it was sent must not travel.
      const bytes = Buffer.from(encodeMessage(message));
      const latency = this.#options.latencyMs?.(from, to) ?? 1 + this.random();
      // A link keeps the order.
      this.time.at(this.time.now + latency, () => {
        if (!this.#isCut(from, to)) this.members.get(to)?.events?.message(decodeMessage(bytes));
      });
    }
  }

  #disk(id: NodeId): SimDisk {
    return new SimDisk(this.#diskOptions(id));
  }

  #diskOptions(id: NodeId): SimDiskOptions {
    return { random: () => this.random(), gate: this.#gate(id) };
  }

  #gate(id: NodeId) {
    return async (operation: Operation): Promise<void> => {
      const ms = this.#options.diskMs?.(id, operation) ?? (operation.kind === "sync" ? 1 : 0);
      if (ms === 0) return;
      // One thing at a time, as a disk does.
      const end = Math.max(this.#busyUntil.get(id) ?? 0, this.time.now) + ms;
      this.#busyUntil.set(id, end);
      await this.time.sleep(end - this.time.now);
    };
  }

  // ---------------------------------------------------------------- time

  /** Lets time pass, and checks after every step what must hold in every moment. */
  async run(ms: number): Promise<void> {
    const end = this.time.now + ms;
    while (this.time.now < end) {
      await this.time.advance(Math.min(5, end - this.time.now));
      this.check();
    }
  }

  /** Until `condition` holds; fails when it does not within `ms`. */
  async until(condition: () => boolean, ms = 10_000, what = "the condition"): Promise<void> {
    const end = this.time.now + ms;
    while (!condition()) {
      if (this.time.now >= end)
        throw new Error(`${what} did not come true within ${ms} ms: ${this.describe()}`);
      await this.run(1);
    }
  }

  /** Lets time pass until the promise is settled. */
  async finished<T>(promise: Promise<T>, ms = 20_000): Promise<T> {
    const state = { done: false };
    const done = (): void => {
      state.done = true;
    };
    promise.then(done, done);
    const end = this.time.now + ms;
    await settled();
    while (!state.done) {
      if (this.time.now >= end)
        throw new Error(`a promise was not settled within ${ms} ms: ${this.describe()}`);
      await this.run(1);
    }
    return promise;
  }

  async elected(): Promise<Member> {
    await this.until(() => this.leader !== undefined, 20_000, "a leader");
    return this.leader as Member;
  }

  /** Every node that runs has applied everything that any of them has appended. */
  async converged(ms = 20_000): Promise<void> {
    await this.until(
      () => {
        const last = Math.max(
          ...this.running.map(({ running }) => running.raftStatus().last.index),
        );
        return (
          this.leader !== undefined &&
          this.running.every(({ running }) => running.machine.appliedIndex === last)
        );
      },
      ms,
      "convergence",
    );
  }

  check(): void {
    for (const { id, node } of this.running) {
      const machine = node?.machine;
      // The digest of half an entry is of no index.
      if (machine === undefined || machine.state.entry !== undefined) continue;
      if (this.drifted.has(id)) continue;
      const known = this.#digests.get(machine.appliedIndex);
      if (known === undefined) this.#digests.set(machine.appliedIndex, machine.digest);
      else if (known !== machine.digest)
        throw new Error(`R9: node ${id} has another state at ${machine.appliedIndex}`);
    }
    for (const { answers } of this.asked) {
      if (answers.length > 1) throw new Error(`R10: answered ${answers.length} times`);
    }
  }

  // ---------------------------------------------------------------- calls

  /** Asks a node, wherever the leader is. */
  askNode(id: NodeId, command: Command, origin: Origin = nobody): Asked {
    const asked: Asked = { answers: [] };
    this.asked.push(asked);
    this.node(id).submit(origin, command, (answer) => asked.answers.push(answer));
    return asked;
  }

  /** Asks the leader and waits for the answer; an answer without an outcome is an error. */
  async ask(command: Command, origin: Origin = nobody): Promise<Answer> {
    const { id } = await this.elected();
    const { answers } = this.askNode(id, command, origin);
    await this.until(() => answers.length > 0, 10_000, `the answer to ${command.kind}`);
    const answer = answers[0] as Answer | Unanswered;
    if ("kind" in answer) throw new Error(`${command.kind}: ${answer.kind}`);
    return answer;
  }

  describe(): string {
    return [...this.members.values()]
      .map(({ id, node, failures }) => {
        if (node === undefined) return `${id}: down ${failures.map(String).join("; ")}`;
        const { role, term, commit, last } = node.raftStatus();
        return `${id}: ${role} t${term} commit ${commit} last ${last.index} applied ${node.machine.appliedIndex}`;
      })
      .join(" | ");
  }

  get failures(): unknown[] {
    return [...this.members.values()].flatMap((member) => member.failures);
  }
}

// Several members and a network that does what it is told: for tests that tell a story.

import type {
  Entry,
  Membership,
  MembershipChange,
  Message,
  NodeId,
  Proposed,
  RaftConfig,
} from "../../raft/index.ts";
import {
  ClusterChecks,
  configOf,
  emptyDisk,
  Member,
  text,
  votersOf,
  type Disk,
  type Observer,
} from "./harness.ts";

export interface ClusterOptions {
  readonly membership?: Membership;
  /** Logs found on disk, by member; hard states follow from them unless given by `terms`. */
  readonly logs?: Readonly<Record<NodeId, readonly Entry[]>>;
  readonly terms?: Readonly<Record<NodeId, number>>;
  readonly config?: Partial<RaftConfig>;
}

export class Cluster {
  readonly members = new Map<NodeId, Member>();
  readonly disks = new Map<NodeId, Disk>();
  readonly checks: ClusterChecks;
  /** Messages on their way. */
  queue: Message[] = [];
  readonly #cut = new Set<string>();
  readonly #options: ClusterOptions;
  /** Told about everything, after the checks. */
  observer: Partial<Observer> = {};
  dropped: (message: Message) => void = () => undefined;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.checks = new ClusterChecks(
      () => this.members.values(),
      (message) => this.queue.push(message),
    );
    const membership = options.membership ?? votersOf(1, 2, 3);
    for (const id of [...membership.voters, ...membership.learners]) {
      const disk = emptyDisk(membership);
      disk.entries = [...(options.logs?.[id] ?? [])];
      const term = options.terms?.[id] ?? disk.entries.at(-1)?.term ?? 0;
      disk.hardState = { term, vote: undefined };
      this.disks.set(id, disk);
      this.start(id);
    }
  }

  /** A new machine: nobody has told it yet who its cluster is. */
  join(id: NodeId): void {
    this.disks.set(id, emptyDisk({ voters: [], learners: [], context: "" }));
    this.start(id);
  }

  start(id: NodeId): void {
    // Time-outs differ by member and are the same in every run.
    const config = configOf(id, { random: () => ((id * 3) % 10) / 10, ...this.#options.config });
    this.members.set(
      id,
      new Member(config, this.disks.get(id)!, {
        sent: (node, message, afterPersist) => {
          this.observer.sent?.(node, message, afterPersist);
          this.checks.sent(node, message, afterPersist);
        },
        stepped: (node, input, before, after, output) => {
          this.checks.stepped(node, input, before, after, output);
          this.observer.stepped?.(node, input, before, after, output);
        },
        applied: (node, machine) => {
          this.checks.applied(node, machine);
          this.observer.applied?.(node, machine);
        },
      }),
    );
  }

  crash(id: NodeId): void {
    this.members.delete(id);
  }

  at(id: NodeId): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`${id} is down`);
    return member;
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  isolate(id: NodeId): void {
    for (const other of this.disks.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** One message arrives, or is lost. */
  deliver(message: Message): void {
    const { from, to } = message;
    const member = this.members.get(to);
    if (member === undefined || this.#cut.has(`${from}>${to}`)) this.dropped(message);
    else member.step({ kind: "message", message });
  }

  /** Delivers and does all work until nothing is left; no time passes. */
  settle(): void {
    for (let hop = 0; hop < 1000; hop += 1) {
      for (const member of this.members.values()) member.settle();
      const message = this.queue.shift();
      if (message === undefined) return;
      this.deliver(message);
    }
    throw new Error("the cluster does not come to rest");
  }

  tick(count = 1, ids: Iterable<NodeId> = [...this.members.keys()]): void {
    for (let n = 0; n < count; n += 1) {
      for (const id of ids) this.at(id).step({ kind: "tick" });
      this.settle();
    }
  }

  /** Time passes for this member only, until it leads or has had its time. */
  campaign(id: NodeId): void {
    const member = this.at(id);
    for (let n = 0; n < 20 && member.status.role === "follower"; n += 1) {
      member.step({ kind: "tick" });
    }
    this.settle();
  }

  propose(id: NodeId, payload: string): void {
    this.at(id).step({ kind: "propose", payload: text.encode(payload) });
  }

  /** Asks `id` for a change; what it answered. */
  change(id: NodeId, change: MembershipChange): Proposed | undefined {
    return this.at(id).step({ kind: "change-membership", change }).proposed;
  }

  /** A new machine becomes a learner and, when it may, a voter. */
  grow(leader: NodeId, id: NodeId): void {
    this.join(id);
    this.change(leader, { kind: "add-learner", id, context: "" });
    this.settle();
    this.change(leader, { kind: "promote", id, context: "" });
    this.settle();
  }

  /** (term.payload) of every entry in memory. */
  log(id: NodeId): string[] {
    const member = this.at(id);
    return member.log.map(({ term, kind, payload }) => {
      const body = kind === "command" ? new TextDecoder().decode(payload) : kind;
      return `${term}.${body}`;
    });
  }
}

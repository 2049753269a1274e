// What must hold after every step of every node (reliability.md §1). Only what the step may have changed is looked at.
//   V1. Election safety: one leader in a term (§5.2); one vote of a node in a term, over all its lives (A1, A2).
//   V2. Log matching: one content for each (index, term), on all disks, with everything before it (§5.3).
//   V3. What is committed first is at that moment on the disks of a quorum (P1, B7, F1), and never changes.
//       A leader commits by counting only entries of its own term (B1, §5.4.2).
//   V4. Leader completeness: a new leader holds everything that was committed in earlier terms (§5.4).
//   V5. State-machine safety: what is applied is what is committed; equal digests at equal index (R9).
//   V6. What a node says rests on its disk: its term, its vote, and every entry that it acknowledges (R1, R2, A1, F1).
//   V7. What raft/invariants.ts says of one node: monotone term, vote, commit and applied, the order of the indexes.
//   V8. What queue/invariants.ts says of the queues: one lease per message, counters, timers. Expensive: now and then.

import type { PeerMessage } from "../../node/peer-report.ts";
import { violations as queueViolations } from "../../queue/index.ts";
import { violations as raftViolations } from "../../raft/invariants.ts";
import { decodeMembership, type Membership, type Message, type NodeId } from "../../raft/index.ts";
import type { Counters } from "./counters.ts";
import type { DiskEntry } from "./disk-log.ts";
import type { WatchedMachine as Machine } from "./watched-machine.ts";
import type { Trace } from "../../testing/trace.ts";

type Status = ReturnType<NonNullable<Machine["node"]>["raftStatus"]>;

/** A violated invariant: the run ends. */
export class Violation extends Error {
  override readonly name = "Violation";
}

const stepsPerQueueLook = 4_000;

export class Watch {
  /** By index. */
  readonly committed: (DiskEntry | undefined)[] = [];
  commit = 0;
  /** The one that is committed. */
  membership: Membership;
  hasHadOneVoter: boolean;
  readonly digests = new Map<number, string>();
  readonly #machines: ReadonlyMap<NodeId, Machine>;
  readonly #counters: Counters;
  readonly #trace: Trace;
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  /** Term → the highest index that was committed by its leader. */
  readonly #commits = new Map<number, number>();
  /** index → term → chain. */
  readonly #chains: Map<number, number>[] = [];
  readonly #before = new Map<NodeId, { readonly life: number; readonly status: Status }>();
  readonly #digested = new Map<NodeId, number>();
  #untilQueueLook = stepsPerQueueLook;

  constructor(machines: ReadonlyMap<NodeId, Machine>, counters: Counters, trace: Trace) {
    this.#machines = machines;
    this.membership = { voters: [...machines.keys()], learners: [], context: "" };
    this.hasHadOneVoter = machines.size === 1;
    this.#counters = counters;
    this.#trace = trace;
  }

  // ---------------------------------------------------------------- what is heard

  /** V2. */
  entryOnDisk(id: NodeId, { index, term, chain, kind, payload }: DiskEntry): void {
    if (kind === "membership" && decodeMembership(payload).voters.length === 1)
      this.hasHadOneVoter = true;
    const terms = (this.#chains[index] ??= new Map<number, number>());
    const known = terms.get(term);
    if (known === undefined) terms.set(term, chain);
    else if (known !== chain)
      throw new Violation(
        `V2: log matching: node ${id} has another history up to ${index}@${term}`,
      );
  }

  sent(message: PeerMessage): void {
    if (message.kind === "report") return;
    this.#persisted(message);
    if (message.kind === "vote-reply" && message.granted) {
      const key = `${message.from}@${message.term}`;
      const before = this.#votes.get(key);
      if (before !== undefined && before !== message.to)
        throw new Violation(
          `V1: node ${message.from} votes for ${before} and for ${message.to} in term ${message.term}`,
        );
      this.#votes.set(key, message.to);
    } else if (message.kind === "append-reply" && message.outcome.kind === "accepted") {
      this.#acknowledged(message.from, message.outcome.match);
    }
  }

  /** V6. Of those messages that promise something: the others may leave before the disk is done (raft/output.ts O1). */
  #persisted(message: Message): void {
    if (!promises(message)) return;
    const { from, term, kind } = message;
    const { hardState } = this.#machines.get(from)?.log ?? { hardState: { term: 0, vote: 0 } };
    if (hardState.term < term)
      throw new Violation(
        `V6: R2: node ${from} says ${kind} of term ${term}; its disk knows term ${hardState.term}`,
      );
    const vote =
      kind === "vote-request"
        ? from
        : kind === "vote-reply" && message.granted
          ? message.to
          : undefined;
    if (vote !== undefined && hardState.term === term && hardState.vote !== vote)
      throw new Violation(
        `V6: A1: node ${from} votes for ${vote} in term ${term}; its disk says ${hardState.vote}`,
      );
  }

  /** V6. */
  #acknowledged(id: NodeId, match: number): void {
    const machine = this.#machines.get(id);
    if (machine?.node === undefined) return;
    if (match <= machine.node.raftStatus().compacted.index) return;
    if (machine.log.at(match) === undefined && !machine.log.isCompacted(match))
      throw new Violation(
        `V6: node ${id} acknowledges ${match}; its disk ends at ${machine.log.last}`,
      );
  }

  // ---------------------------------------------------------------- after a step

  afterStep(machine: Machine): void {
    const { node, process, id } = machine;
    if (node === undefined) return;
    const status = node.raftStatus();
    const known = this.#before.get(id);
    const before = known?.life === process.life ? known.status : undefined;
    this.#before.set(id, { life: process.life, status });
    for (const violation of raftViolations(before, status))
      throw new Violation(`V7: node ${id}: ${violation}`);
    if (status.role === "leader" && (before?.role !== "leader" || before.term !== status.term))
      this.#elected(machine, status);
    if (status.commit > this.commit) this.#committed(machine, status, before);
    if (before === undefined || status.applied !== before.applied) this.#applied(machine, status);
    if (before !== undefined && status.compacted.index > before.compacted.index)
      this.#counters.compactions += 1;
    if (before?.installing === true && !status.installing) this.#counters.snapshotsInstalled += 1;
    this.#digest(machine);
    this.#untilQueueLook -= 1;
    if (this.#untilQueueLook <= 0 && node.digest !== "") {
      this.#untilQueueLook = stepsPerQueueLook;
      this.lookIntoQueues(machine);
    }
  }

  /** V1, V4. */
  #elected({ id, log }: Machine, { term, last, compacted }: Status): void {
    this.#counters.elections += 1;
    this.#trace.event("leader", id, term);
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id)
      throw new Violation(`V1: election safety: ${other} and ${id} lead in term ${term}`);
    this.#leaders.set(term, id);
    let before = 0;
    for (const [earlier, index] of this.#commits)
      if (earlier < term) before = Math.max(before, index);
    if (last.index < before)
      throw new Violation(
        `V4: node ${id} leads in term ${term}, its log ends at ${last.index}, ${before} is committed`,
      );
    const at = Math.min(before, log.last);
    const entry = log.at(at);
    if (at <= compacted.index || entry === undefined) return;
    if (entry.chain !== this.committed[at]?.chain)
      throw new Violation(
        `V4: node ${id} leads in term ${term} without what is committed at ${at}`,
      );
  }

  /** V3. */
  #committed(machine: Machine, status: Status, before: Status | undefined): void {
    const { commit, membership, role, term } = status;
    // Within one step a leader may commit, and then append another membership.
    const holder =
      this.#holderOf(commit, membership) ?? (before && this.#holderOf(commit, before.membership));
    if (holder === undefined)
      throw new Violation(
        `V3: node ${machine.id} commits ${commit}, which is not on the disks of a quorum of ${membership.voters.join()}`,
      );
    for (let index = this.commit + 1; index <= commit; index += 1) {
      const entry = this.#machines.get(holder)?.onDisk(index);
      if (entry === undefined)
        throw new Violation(`V3: committed entry ${index} is not on the disk of node ${holder}`);
      this.committed[index] = entry;
      if (entry.kind === "membership") this.membership = decodeMembership(entry.payload);
    }
    this.commit = commit;
    const last = this.committed[commit];
    this.#commits.set(term, commit);
    if (role === "leader" && last?.term !== term)
      throw new Violation(
        `V3: B1: node ${machine.id} commits ${commit} of term ${last?.term ?? 0} in term ${term}`,
      );
  }

  /** One of a quorum on whose disks the same entry is; undefined: there is no such quorum. */
  #holderOf(index: number, { voters }: Membership): NodeId | undefined {
    const holders = new Map<number, NodeId[]>();
    for (const voter of voters) {
      const entry = this.#machines.get(voter)?.onDisk(index);
      if (entry !== undefined)
        holders.set(entry.chain, [...(holders.get(entry.chain) ?? []), voter]);
    }
    const quorum = Math.floor(voters.length / 2) + 1;
    return [...holders.values()].find((ids) => ids.length >= quorum)?.[0];
  }

  /** V5. */
  #applied({ id, log }: Machine, { applied }: Status): void {
    const entry = log.at(applied);
    if (entry === undefined) return;
    if (applied > this.commit)
      throw new Violation(`V5: node ${id} applies ${applied}, uncommitted`);
    if (entry.chain !== this.committed[applied]?.chain)
      throw new Violation(`V5: node ${id} applies another entry ${applied} than the committed one`);
  }

  /** V5. */
  #digest({ id, node }: Machine): void {
    if (node === undefined) return;
    const index = node.machine.appliedIndex;
    if (this.#digested.get(id) === index) return;
    const { digest } = node;
    if (digest === "") return;
    this.#digested.set(id, index);
    const known = this.digests.get(index);
    if (known === undefined) this.digests.set(index, digest);
    else if (known !== digest)
      throw new Violation(`V5: R9: node ${id} has another state at ${index}`);
  }

  /** V8. */
  lookIntoQueues({ id, node }: Machine): void {
    if (node === undefined || node.digest === "") return;
    const [first] = queueViolations(node.machine);
    if (first !== undefined) throw new Violation(`V8: node ${id}: ${first}`);
  }
}

function promises(message: Message): boolean {
  switch (message.kind) {
    case "vote-request":
    case "append-request":
    case "heartbeat":
    case "timeout-now":
      return true;
    case "vote-reply":
      return message.granted;
    case "append-reply":
      return message.outcome.kind === "accepted";
    case "pre-vote-request":
    case "pre-vote-reply":
    case "heartbeat-reply":
    case "snapshot-chunk":
    case "snapshot-chunk-reply":
      return false;
  }
}

// The loop: inputs → raft.step → persist, send, hand out. Everything that this node decides or promises goes through here.
//   N1. One input at a time: an input that arises while a step is carried out waits for its end.
//   N2. The parts of an output are carried out in the order that raft/output.ts demands (O1-O5).
//   N3. Any failure of the disk, the store or an invariant ends the node: `failed` is called once, nothing is answered or sent
//       after it (F2, R1, R15).

import type {
  Entry,
  Input,
  MembershipChange,
  Message,
  NodeId,
  Output,
  Persist,
  Proposed,
  Raft,
  RaftStatus,
  SnapshotId,
  SnapshotRead,
  SnapshotWrite,
  TransferOutcome,
} from "../raft/index.ts";
import type { DurableLog } from "./log/index.ts";

export interface ConsensusEvents {
  roleChanged(change: NonNullable<Output["roleChange"]>): void;
  send(messages: readonly Message[]): void;
  /** This is on its way to the log. */
  appended(persist: Persist): void;
  committed(entries: readonly Entry[]): void;
  confirmed(reads: Output["reads"]): void;
  /** undefined: begin again with a new snapshot. */
  readSnapshot(
    read: SnapshotRead,
  ): Promise<Extract<Input, { readonly kind: "snapshot-read" }> | undefined>;
  received(chunk: SnapshotWrite): void;
  /** N3. */
  failed(error: unknown): void;
}

export class Consensus {
  readonly #raft: Raft;
  readonly #log: DurableLog;
  readonly #events: ConsensusEvents;
  #inputs: Input[] = [];
  #stepping = false;
  #persisting: Promise<void> | undefined;
  #ended = false;

  constructor(raft: Raft, log: DurableLog, events: ConsensusEvents) {
    this.#raft = raft;
    this.#log = log;
    this.#events = events;
  }

  /** Takes no input any more, and causes nothing. */
  get ended(): boolean {
    return this.#ended;
  }

  get status(): RaftStatus {
    return this.#raft.status();
  }

  snapshotIdAt(index: number): SnapshotId {
    return this.#raft.snapshotIdAt(index);
  }

  input(input: Input): void {
    if (this.#ended) return;
    if (this.#stepping) {
      this.#inputs.push(input);
      return;
    }
    this.#step(input);
  }

  /** Never from within a step (N1). */
  propose(payload: Uint8Array): Proposed {
    // N3: refused for now, so that the commands stay with the proposer, without an answer.
    const later: Proposed = { kind: "refused", reason: "uncommitted-limit" };
    return this.#ask({ kind: "propose", payload })?.proposed ?? later;
  }

  changeMembership(change: MembershipChange): Proposed {
    const answer = this.#ask({ kind: "change-membership", change })?.proposed;
    return answer ?? { kind: "refused", reason: "not-leader" };
  }

  transfer(to: NodeId): TransferOutcome {
    const answer = this.#ask({ kind: "transfer", to })?.transfer;
    return answer ?? { kind: "refused", reason: "not-leader" };
  }

  /** Resolves when everything that was handed to the log is durable. */
  async persisted(): Promise<void> {
    await this.#persisting;
  }

  end(): void {
    this.#ended = true;
  }

  /** N3. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.failed(error);
  }

  #ask(input: Input): Output | undefined {
    return this.#ended ? undefined : this.#step(input);
  }

  /** undefined: the node has ended. */
  #step(input: Input): Output | undefined {
    this.#stepping = true;
    try {
      const output = this.#raft.step(input);
      this.#carryOut(output);
      this.#stepping = false;
      while (this.#inputs.length > 0 && !this.#ended) {
        const inputs = this.#inputs;
        this.#inputs = [];
        for (const next of inputs) {
          this.#stepping = true;
          this.#carryOut(this.#raft.step(next));
          this.#stepping = false;
        }
      }
      return output;
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** N2. */
  #carryOut(output: Output): void {
    const events = this.#events;
    if (output.roleChange !== undefined) events.roleChanged(output.roleChange);
    if (output.sendNow.length > 0) events.send(output.sendNow);
    if (output.persist !== undefined) this.#persist(output.persist, output.sendAfterPersist);
    else if (output.sendAfterPersist.length > 0) this.#sendAfterPersist(output.sendAfterPersist);
    if (output.committed.length > 0) events.committed(output.committed);
    if (output.reads.length > 0) events.confirmed(output.reads);
    for (const fetch of output.fetches) {
      void this.#log.read(fetch.from, fetch.through, fetch.bytesMax).then(
        (entries) => this.input({ kind: "fetched", for: fetch.for, from: fetch.from, entries }),
        (error: unknown) => this.fail(error),
      );
    }
    for (const read of output.snapshotReads) {
      void events.readSnapshot(read).then(
        (chunk) => this.input(chunk ?? { kind: "snapshot-lost", to: read.to }),
        (error: unknown) => this.fail(error),
      );
    }
    if (output.snapshotWrite !== undefined) events.received(output.snapshotWrite);
  }

  #persist(persist: Persist, then: readonly Message[]): void {
    this.#events.appended(persist);
    const done = this.#log.append(persist).then(
      () => {
        if (this.#ended) return;
        if (then.length > 0) this.#events.send(then);
        this.input({ kind: "persisted", sequence: persist.sequence });
      },
      (error: unknown) => this.fail(error),
    );
    this.#persisting = done;
    void done.then(() => {
      if (this.#persisting === done) this.#persisting = undefined;
    });
  }

  /** O3: what depends on earlier writes waits for them. */
  #sendAfterPersist(messages: readonly Message[]): void {
    if (this.#persisting === undefined) this.#events.send(messages);
    else void this.#persisting.then(() => this.#ended || this.#events.send(messages));
  }
}

// One member: consensus (consensus.ts), log, state machine (applier.ts) and the answers to clients, put together. The services of
// grpc/ ask it, the ports of NodePorts are all that it knows of the world.

import type { Logger } from "pino";
import {
  diskWatermarkSince,
  type Command,
  type Machine,
  type Origin,
  type Refusal,
} from "../queue/index.ts";
import {
  Raft,
  type NodeId,
  type Output,
  type RaftStatus,
  type SnapshotWrite,
} from "../raft/index.ts";
import { Administration } from "./administration.ts";
import { Applier } from "./applier.ts";
import { startTicker, type Clock, type Timer } from "./clock.ts";
import type { ServerConfig } from "./config.ts";
import { Compactor } from "./compactor.ts";
import { Consensus, type ConsensusEvents } from "./consensus.ts";
import { diskRefusal, type DiskSpace } from "./disk-space.ts";
import type { DurableLog, RestoredLog } from "./log/index.ts";
import { Leadership } from "./leadership.ts";
import { Dismissed, type Members } from "./members.ts";
import { PeerReports, type Condition } from "./peer-report.ts";
import { Proposer, type Respond } from "./proposer.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import type { State, StateDirectory } from "./state-directory.ts";
import { Streams } from "./streams.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import { raftConfig } from "./raft-config.ts";
import { NotLeading, TooManyReads, Waiting } from "./waiting.ts";

export interface NodePorts {
  readonly clock: Clock;
  readonly log: DurableLog;
  readonly restored: RestoredLog;
  readonly states: StateDirectory;
  readonly state: State;
  readonly space: DiskSpace;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly members: Members;
  /** Opens the links that `members` asks for, and follows its changes. */
  readonly connect: (events: TransportEvents) => Transport;
  /** The end: stop the process with an exit code other than 0 (R1). */
  readonly fatal: (error: unknown) => void;
}

export interface LeaderAddress {
  readonly nodeId: NodeId;
  readonly endpoint: string;
  readonly term: number;
}

/** Entries under way before further commands are gathered into larger ones (proposer.ts B3). */
const entriesInFlightMax = 8;
const proposerBacklogBytesMax = 16 * 1024 * 1024;
/** Between two looks whether there is room for a snapshot that is being received. */
const roomMs = 1_000;

export class Node {
  readonly id: NodeId;
  readonly streams = new Streams();
  readonly administration: Administration;
  readonly #config: ServerConfig;
  readonly #ports: NodePorts;
  readonly #consensus: Consensus;
  readonly #proposer: Proposer;
  readonly #leadership: Leadership;
  readonly #waiting = new Waiting();
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #compactor: Compactor;
  readonly #transport: Transport;
  readonly #reports: PeerReports;
  readonly #ticker: Timer;
  readonly #members: Members;
  #applier: Applier;
  #leader: { term: number; id: NodeId | undefined };
  #leads = false;
  /** As leader: the first index of the term; once it is applied the state machine is up to date. */
  #leadsFrom = Infinity;
  #closing = false;
  /** Chunks of a snapshot are taken one after the other, also those of two leaders (E2). */
  #receiving: Promise<void> = Promise.resolve();
  /** Machine, store and log are being replaced by a snapshot. */
  #installing = false;
  readonly #roleListeners: (() => void)[] = [];

  constructor(config: ServerConfig, ports: NodePorts) {
    this.#config = config;
    this.#ports = ports;
    this.id = config.nodeId;
    this.#members = ports.members;
    this.#applier = this.#newApplier(ports.state);
    const raft = new Raft(raftConfig(config, ports.random), {
      ...ports.restored,
      applied: ports.state.machine.appliedIndex,
    });
    this.#consensus = new Consensus(raft, ports.log, this.#consensusEvents());
    this.#leader = { term: raft.status().term, id: undefined };
    this.administration = new Administration(this.#members, config, {
      clock: ports.clock,
      status: () => this.#consensus.status,
      propose: (change) => this.#consensus.changeMembership(change),
      transfer: (to) => this.#consensus.transfer(to),
      isNewest: () => this.#isNewest(),
      isClosing: () => this.#closing,
      fatal: (error) => this.#consensus.fail(error),
    });
    this.administration.restored(ports.restored, ports.state.machine.appliedIndex);
    this.#leadership = new Leadership(ports.clock);
    this.#proposer = new Proposer(
      ports.clock,
      {
        entryBytesMax: config.entryBytesMax,
        entriesInFlightMax,
        backlogBytesMax: proposerBacklogBytesMax,
      },
      () => this.#leadership.stamp(),
      (payload) => this.#consensus.propose(payload),
    );
    this.#sender = new SnapshotSender(ports.clock, ports.logger, {
      chunkBytes: config.snapshotChunkBytes,
      store: () => this.#applier.store,
      idAt: (index) => this.#consensus.snapshotIdAt(index),
      chainAt: (index) => ports.log.readChain(index),
      failed: (error) => this.#consensus.fail(error),
    });
    this.#receiver = new SnapshotReceiver(ports.states, ports.logger);
    this.#compactor = new Compactor(ports.log, config.logRetainBytes, ports.logger);
    this.#transport = ports.connect(this.#transportEvents());
    this.#reports = new PeerReports({
      id: this.id,
      clock: ports.clock,
      logger: ports.logger,
      membership: () => this.#consensus.status.membership,
      condition: () => this.condition,
      send: (reports) => this.#transport.send(reports),
      failed: (error) => this.#consensus.fail(error),
    });
    ports.space.watch();
    this.#ticker = startTicker(ports.clock, config.tickMs, () => this.#tick());
  }

  #consensusEvents(): ConsensusEvents {
    return {
      roleChanged: (change) => this.#roleChanged(change),
      send: (messages) => this.#transport.send(messages),
      appended: (persist) => this.administration.appended(persist),
      committed: (entries) => {
        this.administration.committed(entries);
        this.#applier.push(entries);
      },
      confirmed: (reads) => this.#waiting.confirmed(reads, this.machine.appliedIndex),
      readSnapshot: (read) => this.#sender.read(read),
      received: (chunk) => {
        this.#receiving = this.#receiving.then(() => this.#receiveSnapshot(chunk));
      },
      failed: (error) => {
        this.#stopTimers();
        this.#ports.fatal(error);
      },
    };
  }

  #transportEvents(): TransportEvents {
    const consensus = this.#consensus;
    return {
      message: (message) => {
        if (message.kind === "report") {
          if (!consensus.ended) this.#reports.received(message);
          return;
        }
        // I7: as if it were lost. Its sender sends again; heartbeats go on, so nobody campaigns for it.
        if (message.kind === "append-request" && message.entries.length > 0 && this.#isBehind)
          return;
        consensus.input({ kind: "message", message });
      },
      unreachable: (peer) => consensus.input({ kind: "unreachable", peer }),
      hungUp: (peer) => {
        // A closed connection is how the death of a process is noticed at once; PreVote makes a wrong guess harmless.
        if (peer === this.#leader.id) consensus.input({ kind: "leader-gone" });
      },
      // At once: a wiped node of a cluster that began with one would meanwhile lead a cluster of its own.
      dismissed: (message) => consensus.fail(new Dismissed(message)),
    };
  }

  // ---------------------------------------------------------------- for the services

  get machine(): Machine {
    return this.#applier.machine;
  }

  get state(): { readonly machine: Machine; readonly store: Applier["store"] } {
    return this.#applier;
  }

  /** Of the state at `machine.appliedIndex` (R9); empty while an entry is applied in part. */
  get digest(): string {
    return this.#applier.midEntry ? "" : this.machine.digest;
  }

  /** What this node tells the others about itself. */
  get condition(): Condition {
    const { machine, digest } = this;
    const { freeBytes, low } = this.#ports.space;
    return {
      rulesVersion: machine.version,
      rulesVersionMax: machine.versionMax,
      digests:
        digest === ""
          ? machine.checkpoints
          : [...machine.checkpoints, { index: machine.appliedIndex, digest }],
      diskFreeBytes: freeBytes,
      diskLow: low,
    };
  }

  /** What a member has lately told about itself; undefined: nothing. */
  conditionOf(id: NodeId): Condition | undefined {
    return id === this.id ? this.condition : this.#reports.of(id);
  }

  /** The store is slower than the log: what is committed piles up in memory (R11). */
  get #isBehind(): boolean {
    return this.applyBacklogBytes >= this.#config.applyBacklogBytesMax;
  }

  /** Payload bytes committed and not applied here (I7). */
  get applyBacklogBytes(): number {
    return this.#applier.backlogBytes;
  }

  get term(): number {
    return this.#leader.term;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** Where clients should go. */
  get whereabouts(): { readonly nodeId: NodeId; readonly leader: LeaderAddress | undefined } {
    const { id, term } = this.#leader;
    const endpoint = id === undefined ? "" : (this.#members.address(id)?.client ?? "");
    return {
      nodeId: this.id,
      leader: id === undefined || endpoint === "" ? undefined : { nodeId: id, endpoint, term },
    };
  }

  get ready(): boolean {
    return this.#leads && this.machine.appliedIndex >= this.#leadsFrom;
  }

  /** Whether clients should be held back, because more has been taken in than is being carried out. */
  get full(): boolean {
    return this.#proposer.full;
  }

  whenRoom(run: () => void): void {
    this.#proposer.whenRoom(run);
  }

  /** Asks the state machine; `respond` is called exactly once, if given. */
  submit(origin: Origin, command: Command, respond: Respond | undefined): void {
    if (!this.#leads || this.#consensus.ended) {
      respond?.({ kind: this.#closing ? "shutting-down" : "not-leader" });
      return;
    }
    const refusal = this.#watermark(command);
    if (refusal === undefined) this.#proposer.add(origin, command, respond);
    // Within a session its sequence number is used up, and the answer remembered, by the log; and who asks for what was
    // done already gets the first answer (P6).
    else if (origin.sequence > 0) this.#proposer.add(origin, { kind: "refuse", refusal }, respond);
    else respond?.({ index: this.machine.appliedIndex, reply: { kind: "refused", refusal } });
  }

  /** F9: what adds data is refused while a quorum, or this node, has no room. */
  #watermark({ kind }: Command): Refusal | undefined {
    if (kind !== "enqueue" && kind !== "enqueue-batch") return undefined;
    const { space } = this.#ports;
    if (!space.low && !this.#reports.quorumLow) return undefined;
    return this.machine.version < diskWatermarkSince ? undefined : diskRefusal(space.low);
  }

  alive(session: number): void {
    this.#leadership.alive(session);
  }

  /**
   * Resolves when this node's state machine holds everything that was acknowledged before the call (P2).
   * @throws {NotLeading} or {TooManyReads}
   */
  linearizable(): Promise<void> {
    if (!this.#leads || this.#consensus.ended)
      return Promise.reject(new NotLeading("this node does not lead"));
    return this.#waiting.read((id) => this.#consensus.input({ kind: "read", id }));
  }

  raftStatus(): RaftStatus {
    return this.#consensus.status;
  }

  get members(): Members {
    return this.#members;
  }

  async #isNewest(): Promise<boolean> {
    try {
      await this.linearizable();
      return true;
    } catch (error) {
      if (error instanceof NotLeading || error instanceof TooManyReads) return false;
      throw error;
    }
  }

  onRoleChange(run: () => void): void {
    this.#roleListeners.push(run);
  }

  // ---------------------------------------------------------------- time

  #tick(): void {
    if (this.#consensus.ended) return;
    this.#consensus.input({ kind: "tick" });
    this.#sender.tick();
    this.administration.tick(this.ready && !this.#closing);
    if (this.ready && !this.#closing)
      this.#leadership.tick(
        this.machine,
        (origin, command, done) => this.submit(origin, command, done),
        () => this.#reports.rulesVersionOfAll,
      );
  }

  // ---------------------------------------------------------------- apply

  #newApplier(state: State): Applier {
    state.machine.collectGrants = this.#leads;
    return new Applier(state.machine, state.store, this.#ports.clock, this.#config, {
      answer: (entry, ordinal, origin, answer) => {
        if (!this.#leads || this.#consensus.ended) return;
        this.#waiting.raised(origin, entry.index);
        const respond = this.#proposer.take(entry, ordinal);
        if (respond === undefined) return;
        if (answer !== undefined) respond(answer);
        else this.#waiting.receive(origin.session, origin.sequence, respond);
      },
      applied: (index, { grants, completions, endedSessions }) => {
        if (this.#consensus.ended) return;
        for (const { session, sequence, answer } of completions)
          this.#waiting.completed(session, sequence, answer);
        if (this.#leads) {
          this.streams.granted(grants);
          this.streams.ended(endedSessions);
        }
        this.#consensus.input({ kind: "applied", index });
        this.#waiting.applied(index);
        this.#proposer.applied(index);
        this.#compact();
      },
      failed: (error) => this.#consensus.fail(error),
    });
  }

  #compact(): void {
    if (this.#installing) return;
    const work = this.#compactor.consider(
      () => this.#applier.checkpoint(),
      () => this.#sender.keepFrom,
      (index) => this.#consensus.snapshotIdAt(index).membership,
    );
    void work.then(
      (index) => {
        if (index !== undefined) this.#consensus.input({ kind: "compacted", index });
      },
      (error: unknown) => this.#consensus.fail(error),
    );
  }

  async #receiveSnapshot(write: SnapshotWrite): Promise<void> {
    await this.#room();
    if (this.#consensus.ended) return;
    const { last } = write.snapshot;
    try {
      const taken = await this.#receiver.take(write);
      if (!taken) {
        this.#consensus.input({ kind: "snapshot-rejected", last });
        return;
      }
      if (!write.done) {
        this.#consensus.input({ kind: "snapshot-written", last, chunk: write.chunk });
        return;
      }
      // O5: whatever was handed out before is durable, and its effects are inside the snapshot.
      this.#installing = true;
      await this.#consensus.persisted();
      await this.#compactor.idle();
      await this.#applier.stop();
      const { state, chain } = await this.#receiver.install(write.snapshot, this.#applier.store);
      await this.#ports.log.reset(write.snapshot, chain);
      this.#applier = this.#newApplier(state);
      this.#installing = false;
      this.#consensus.input({ kind: "snapshot-installed", snapshot: write.snapshot });
      this.administration.installed(last.index, write.snapshot.membership);
    } catch (error) {
      this.#consensus.fail(error);
    }
  }

  /** F9: a chunk that waits for room is not acknowledged, and holds the sender back as a slow disk would. */
  async #room(): Promise<void> {
    while (this.#ports.space.full && !this.#consensus.ended)
      await new Promise<void>((resolve) => this.#ports.clock.after(roomMs, resolve));
  }

  // ---------------------------------------------------------------- roles

  #roleChanged({ role, term, leader, cause }: NonNullable<Output["roleChange"]>): void {
    this.#ports.logger.info({ role, term, leader, cause }, `${role} in term ${term}`);
    const led = this.#leads;
    this.#leader = { term, id: leader };
    this.#leads = role === "leader";
    // Only a leader delivers; what a later one has to deliver it finds in the leases.
    this.machine.collectGrants = this.#leads;
    if (this.#leads && !led) {
      this.#leadership.begin(this.machine.clusterTime);
      this.#leadsFrom = this.#consensus.status.last.index;
    }
    if (led && !this.#leads) {
      this.#leadsFrom = Infinity;
      this.#proposer.abandon();
      this.#waiting.abandon();
      this.administration.leadershipLost();
      this.streams.leadershipLost();
      this.#sender.stop().catch((error: unknown) => this.#consensus.fail(error));
    }
    if (leader !== undefined && leader !== this.id) this.administration.ledBy(leader);
    for (const run of this.#roleListeners) run();
  }

  // ---------------------------------------------------------------- the end

  /** Answers what is under way, tells clients to go elsewhere, makes everything durable (SIGTERM). */
  async stop(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#proposer.close();
    for (const run of this.#roleListeners) run();
    const end = this.#ports.clock.monotonicMs() + this.#config.drainMs;
    while (
      !this.#consensus.ended &&
      this.#leads &&
      !this.#proposer.idle &&
      this.#ports.clock.monotonicMs() < end
    ) {
      await new Promise<void>((resolve) => this.#ports.clock.after(5, resolve));
    }
    // First the streams: what was answered leaves before they end.
    this.streams.shutDown();
    this.#proposer.abandon();
    this.#waiting.abandon();
    this.administration.close();
    this.#stopTimers();
    const wasDead = this.#consensus.ended;
    this.#consensus.end();
    await this.#transport.close();
    await this.#sender.stop();
    if (wasDead) return;
    await this.#receiving;
    await this.#receiver.stop();
    await this.#consensus.persisted();
    await this.#compactor.idle();
    await this.#applier.checkpoint();
    await this.#applier.stop();
    await this.#ports.log.close();
    await this.#applier.store.close();
  }

  /** The store behind `state` cannot be read: an error, unless its time is over anyway. */
  storeFailed(store: Applier["store"], error: unknown): void {
    if (this.#installing || store !== this.#applier.store) return;
    this.#consensus.fail(error);
  }

  #stopTimers(): void {
    this.#ticker.stop();
    this.#reports.stop();
    this.#ports.space.stop();
  }
}

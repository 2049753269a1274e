// One member: consensus (consensus.ts), log, state machine (applier.ts) and the answers to clients, put together. The services of
// grpc/ ask it, the ports of NodePorts are all that it knows of the world.

import type { Logger } from "pino";
import {
  diskWatermarkSince,
  type Command,
  type Machine,
  type Origin,
  type QueueEvent,
  type Refusal,
} from "../queue/index.ts";
import { Raft, type NodeId, type Output, type RaftStatus } from "../raft/index.ts";
import { Administration } from "./administration.ts";
import { startTicker, type Clock, type Timer } from "./clock.ts";
import type { ServerConfig } from "./server-options.ts";
import { Consensus, type ConsensusEvents } from "./consensus.ts";
import { addsMessages, diskRefusal, type DiskSpace } from "./disk-space.ts";
import { textOf } from "./door.ts";
import type { DurableLog, RestoredLog } from "./log/index.ts";
import { Leadership } from "./leadership.ts";
import { Dismissed, type Members } from "./members.ts";
import { PeerReports, type Condition } from "./peer-report.ts";
import { Proposer, type Respond } from "./proposer.ts";
import { Replica } from "./replica.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import type { State, StateDirectory } from "./state-directory.ts";
import { stalledMs, StallWatch } from "./stall-watch.ts";
import { Pacing } from "./pacing.ts";
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
/** Less than this waits for the end of an entry that is under way, and for what comes until then (proposer.ts B4). */
const sharedEntryBytes = 32 * 1024;
const proposerBacklogBytesMax = 16 * 1024 * 1024;

export class Node {
  readonly id: NodeId;
  readonly streams = new Streams();
  readonly pacing: Pacing;
  readonly administration: Administration;
  readonly #config: ServerConfig;
  readonly #ports: NodePorts;
  readonly #consensus: Consensus;
  readonly #proposer: Proposer;
  readonly #leadership: Leadership;
  readonly #waiting = new Waiting();
  readonly #sender: SnapshotSender;
  readonly #transport: Transport;
  readonly #reports: PeerReports;
  readonly #stalls = new StallWatch();
  readonly #ticker: Timer;
  readonly #members: Members;
  readonly #replica: Replica;
  #leader: { term: number; id: NodeId | undefined };
  #leads = false;
  /** As leader: the first index of the term; once it is applied the state machine is up to date. */
  #leadsFrom = Infinity;
  #closing = false;
  readonly #roleListeners: (() => void)[] = [];

  constructor(config: ServerConfig, ports: NodePorts) {
    this.#config = config;
    this.#ports = ports;
    this.id = config.nodeId;
    this.#members = ports.members;
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
    this.pacing = new Pacing({
      clock: ports.clock,
      enqueueFloor: config.enqueueFloor,
      leasesWhenAhead: (queue) => this.machine.leasesWhenAhead(queue),
    });
    this.#proposer = new Proposer(
      ports.clock,
      {
        entryBytesMax: config.entryBytesMax,
        entriesInFlightMax,
        sharedEntryBytes,
        backlogBytesMax: proposerBacklogBytesMax,
      },
      () => this.#leadership.stamp(),
      (payload) => this.#consensus.propose(payload),
    );
    this.#sender = new SnapshotSender(ports.clock, ports.logger, {
      chunkBytes: config.snapshotChunkBytes,
      store: () => this.#replica.store,
      idAt: (index) => this.#consensus.snapshotIdAt(index),
      chainAt: (index) => ports.log.readChain(index),
      failed: (error) => this.#consensus.fail(error),
    });
    this.#replica = this.#newReplica();
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
        this.#replica.committed(entries);
      },
      confirmed: (reads) => this.#waiting.confirmed(reads, this.machine.appliedIndex),
      readSnapshot: (read) => this.#sender.read(read),
      received: (chunk) => this.#replica.received(chunk),
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
        if (!consensus.ended) this.#reports.met(message.from);
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
    return this.#replica.machine;
  }

  get state(): State {
    return this.#replica.state;
  }

  /** Of the state at `machine.appliedIndex` (R9); empty while an entry is applied in part. */
  get digest(): string {
    return this.#replica.digest;
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
    return this.#replica.backlogBytes;
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
  #watermark(command: Command): Refusal | undefined {
    if (!addsMessages(command)) return undefined;
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
    if (this.ready && !this.#closing) this.#lookForStalls();
  }

  #lookForStalls(): void {
    const now = this.#ports.clock.monotonicMs();
    const stalled = this.#stalls.look(now, () => this.machine.stalledQueues());
    for (const { queue, sessions } of stalled) {
      this.#ports.logger.error(
        { queue, sessions: sessions.length },
        `queue ${queue}: messages are ready and consumers have credit, but nothing was delivered for ${stalledMs / 1000} s`,
      );
      const event = { kind: "stalled", queue, keyBytes: "", keySeq: 0, attempts: 0, error: "" };
      this.streams.event(sessions, event);
    }
  }

  // ---------------------------------------------------------------- apply

  #newReplica(): Replica {
    const consensus = this.#consensus;
    const ports = { ...this.#ports, consensus, keepFrom: () => this.#sender.keepFrom };
    return new Replica(this.#config, this.#ports.state, ports, {
      answer: (entry, ordinal, origin, answer) => {
        if (!this.#leads || this.#consensus.ended) return;
        this.#waiting.raised(origin, entry.index);
        const respond = this.#proposer.take(entry, ordinal);
        if (respond === undefined) return;
        if (answer !== undefined) respond(answer);
        else this.#waiting.receive(origin.session, origin.sequence, respond);
      },
      applied: (index, { grants, completions, endedSessions, events }) => {
        for (const { session, sequence, answer } of completions)
          this.#waiting.completed(session, sequence, answer);
        if (this.#leads) {
          this.streams.granted(grants);
          if (events.length > 0) this.#tell(events);
          this.streams.ended(endedSessions);
        }
        this.#consensus.input({ kind: "applied", index });
        this.#waiting.applied(index);
        this.#proposer.applied(index);
        this.pacing.applied();
      },
      installed: (index, membership) => this.administration.installed(index, membership),
      failed: (error) => this.#consensus.fail(error),
    });
  }

  /** To the sessions that consume the queue; many of one queue may come at once. */
  #tell(events: readonly QueueEvent[]): void {
    const consuming = new Map<string, readonly number[]>();
    for (const { lane, error, ...event } of events) {
      const sessions = consuming.get(event.queue) ?? this.machine.sessionsConsuming(event.queue);
      consuming.set(event.queue, sessions);
      this.streams.event(sessions, { ...event, keyBytes: lane, error: textOf(error) });
    }
  }

  // ---------------------------------------------------------------- roles

  #roleChanged({ role, term, leader, cause }: NonNullable<Output["roleChange"]>): void {
    this.#ports.logger.info({ role, term, leader, cause }, `${role} in term ${term}`);
    const led = this.#leads;
    this.#leader = { term, id: leader };
    this.#leads = role === "leader";
    this.#replica.leads = this.#leads;
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
      this.#stalls.forget();
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
    await this.#replica.close();
  }

  /** The store behind `state` cannot be read: an error, unless its time is over anyway. */
  storeFailed(store: State["store"], error: unknown): void {
    this.#replica.storeFailed(store, error);
  }

  #stopTimers(): void {
    this.#ticker.stop();
    this.#reports.stop();
    this.#ports.space.stop();
  }
}

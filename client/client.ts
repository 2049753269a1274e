// The client: one session, one stream, any number of queues.

import { Admin } from "./admin.ts";
import { dialWith, type Dial } from "./channel.ts";
import { Channels } from "./channels.ts";
import { realClock, type Clock } from "./clock.ts";
import { jsonCodec, type Codec } from "./codec.ts";
import { abortedError, timeoutError } from "./errors.ts";
import { Emitter, type ClientEvents, type Listener } from "./events.ts";
import { LeaderFinder } from "./leader.ts";
import { LeaseTable } from "./lease.ts";
import {
  checkSettings,
  type ClusterInfo,
  type ConnectOptions,
  type LeaderInfo,
  type MembershipChanged,
  type NewMember,
  type QueueInfo,
  type QueueOptions,
  type Settings,
  type SignalOptions,
} from "./options.ts";
import { Queue, type QueueParts } from "./queue.ts";
import { Session } from "./session.ts";

/** What a test replaces. */
export interface World {
  readonly clock: Clock;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly dial: Dial;
}

export class Client {
  readonly #settings: Settings;
  readonly #events = new Emitter();
  readonly #channels: Channels;
  readonly #session: Session;
  readonly #leases: LeaseTable;
  readonly #parts: QueueParts;
  readonly #admin: Admin;
  #closing: Promise<void> | undefined;

  /** Use `connect`. */
  constructor(settings: Settings, world: World) {
    const { clock, random } = world;
    this.#settings = settings;
    this.#channels = new Channels(world.dial);
    const leader = new LeaderFinder(settings.endpoints, clock);
    const shared = { channels: this.#channels, leader, clock, random };
    this.#leases = new LeaseTable(() => this.#session, clock, this.#events);
    this.#session = new Session({
      ...shared,
      settings,
      events: this.#events,
      orphaned: (delivery) => {
        // Consumer 0: an answer to receive, which has it too.
        if (delivery.consumer !== 0) this.#leases.release(delivery);
      },
    });
    const { timeoutMs } = settings;
    this.#parts = { session: this.#session, leases: this.#leases, clock, random, timeoutMs };
    this.#admin = new Admin({ ...shared, timeoutMs, closed: this.#session.closed });
  }

  /** Empty while there is none. Changes when a session is lost. */
  get sessionId(): string {
    return this.#session.id;
  }

  /** @internal */
  async open(signal: AbortSignal | undefined, clock: Clock): Promise<void> {
    const { timeoutMs } = this.#settings;
    let timer: ReturnType<Clock["after"]> | undefined;
    let abort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        abort = () => reject(abortedError("NOT_APPLIED", signal?.reason));
        if (signal?.aborted === true) abort();
        signal?.addEventListener("abort", abort, { once: true });
        timer = clock.after(timeoutMs, () => reject(timeoutError("NOT_APPLIED", timeoutMs)));
        this.#session.start().then(resolve, reject);
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      timer?.cancel();
      if (abort !== undefined) signal?.removeEventListener("abort", abort);
    }
  }

  /** Creates a queue, or finds it with the same options; with other options: QUEUE_DIFFERS, saying which. */
  createQueue(
    name: string,
    options: QueueOptions = {},
  ): Promise<{ queue: QueueInfo; created: boolean }> {
    return this.#admin.createQueue(name, options);
  }

  /** `stale`: what the asked node has applied, instead of everything acknowledged before the call. */
  getQueue(
    name: string,
    options: SignalOptions & { readonly stale?: boolean } = {},
  ): Promise<QueueInfo> {
    return this.#admin.getQueue(name, options.stale ?? false, options.signal);
  }

  /** All queues, by name. */
  listQueues(options: SignalOptions & { readonly stale?: boolean } = {}): Promise<QueueInfo[]> {
    return this.#admin.listQueues(options.stale ?? false, options.signal);
  }

  /** Changes what is given. `revision`: only if the queue still has it, else REVISION_CONFLICT. */
  updateQueue(
    name: string,
    changes: QueueOptions,
    options: { readonly revision?: number } = {},
  ): Promise<QueueInfo> {
    return this.#admin.updateQueue(name, changes, options.revision ?? 0);
  }

  /** Deletes a queue and all of its messages. `ifEmpty`: refuse with QUEUE_NOT_EMPTY while there are any. */
  deleteQueue(
    name: string,
    options: { readonly revision?: number; readonly ifEmpty?: boolean } = {},
  ): Promise<void> {
    return this.#admin.deleteQueue(name, options.revision ?? 0, options.ifEmpty ?? false);
  }

  /** The members as one node sees them: `endpoint`, or the first that answers. */
  cluster(endpoint?: string, options: SignalOptions = {}): Promise<ClusterInfo> {
    return this.#admin.cluster(endpoint, options);
  }

  /**
   * Adds a member that receives everything and does not vote; the same one again is a success. Resolves when it is committed, as
   * the changes below do.
   * @throws {QueueError} ID_USED, MEMBER_EXISTS (other addresses), TOO_MANY_MEMBERS, MEMBERSHIP_CHANGE_PENDING.
   */
  addLearner(member: NewMember): Promise<MembershipChanged> {
    return this.#admin.addLearner(member);
  }

  /**
   * Makes a learner a voter; a voter stays one.
   * @throws {QueueError} MEMBER_LAGGING (try again later), MEMBER_NOT_FOUND, QUORUM_AT_RISK, TOO_MANY_MEMBERS.
   */
  promote(nodeId: number): Promise<MembershipChanged> {
    return this.#admin.promote(nodeId);
  }

  /**
   * Removes a member, the leader too; its number is used up for ever.
   * @throws {QueueError} MEMBER_NOT_FOUND, LAST_VOTER, QUORUM_AT_RISK.
   */
  removeMember(nodeId: number): Promise<MembershipChanged> {
    return this.#admin.removeMember(nodeId);
  }

  /**
   * Hands leadership over to a voter, by default the one that has most of the log; resolves to the leader that came of it.
   * @throws {QueueError} MEMBER_NOT_FOUND, NOT_A_VOTER, TRANSFER_FAILED (the old leader still leads).
   */
  transferLeadership(nodeId = 0): Promise<LeaderInfo> {
    return this.#admin.transferLeadership(nodeId);
  }

  /** A queue by name; nothing is sent. The default codec is JSON. */
  queue<T = unknown>(name: string, options: { readonly codec?: Codec<T> } = {}): Queue<T> {
    return new Queue(this.#parts, name, options.codec ?? jsonCodec<T>());
  }

  on<E extends keyof ClientEvents>(event: E, listener: Listener<E>): this {
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof ClientEvents>(event: E, listener: Listener<E>): this {
    this.#events.off(event, listener);
    return this;
  }

  /** Drains all consumers, then waits for every answer. Calls made meanwhile are waited for as well. */
  async drain(): Promise<void> {
    await Promise.all(this.#session.sinks.all().map((sink) => sink.drain()));
    await this.#session.idle();
  }

  /** Ends now: unanswered calls fail (UNKNOWN if sent), leases are released in order by the server. See drain. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
    await this.close();
  }

  async #close(): Promise<void> {
    await this.#session.close();
    this.#leases.close();
    this.#channels.close();
  }
}

/**
 * Finds the leader, opens a session, attaches to it. Rejects when that takes longer than `timeoutMs`.
 * @throws {QueueError}
 */
export async function connect(
  options: ConnectOptions,
  world: Partial<World> = {},
): Promise<Client> {
  const settings = checkSettings(options);
  const clock = world.clock ?? realClock;
  const client = new Client(settings, {
    clock,
    random: world.random ?? Math.random,
    dial: world.dial ?? dialWith(settings.tls),
  });
  await client.open(options.signal, clock);
  return client;
}

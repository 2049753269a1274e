// The client: one session, one stream, any number of queues.

import { Admin } from "./admin.ts";
import { dialWith, type Dial } from "./channel.ts";
import { Channels } from "./channels.ts";
import { realClock, type Clock } from "./clock.ts";
import { bytesCodec, jsonCodec, type Codec } from "./codec.ts";
import { commit, type Committed, type Transaction } from "./commit.ts";
import { abortedError, timeoutError } from "./errors.ts";
import { Emitter, type ClientEvents, type Listener } from "./events.ts";
import { LeaderFinder } from "./leader.ts";
import { LeaseTable } from "./lease.ts";
import {
  getHistory,
  getMessage,
  type HistoryEvent,
  type MessageInfo,
  type ReadOptions,
} from "./looking.ts";
import { cancel } from "./managing.ts";
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
  type ListOptions,
  type SignalOptions,
} from "./options.ts";
import { Queue, type QueueParts } from "./queue.ts";
import type { Target } from "./producing.ts";
import { Requests, type RequestOptions } from "./requests.ts";
import { Format, type StandardSchema } from "./schema.ts";
import { Session } from "./session.ts";
import {
  TopicAdmin,
  type StartFrom,
  type SubscriptionOptions,
  type TopicInfo,
  type TopicOptions,
} from "./topic-admin.ts";
import { Topic } from "./topic.ts";
import type { UnaryParts } from "./unary.ts";

/** What a test replaces. */
export interface World {
  readonly clock: Clock;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly dial: Dial;
  /** Told that a program begins to wait for a delivery: nothing is sent for that. */
  readonly waits: () => void;
}

export class Client {
  readonly #settings: Settings;
  readonly #events = new Emitter();
  readonly #channels: Channels;
  readonly #session: Session;
  readonly #leases: LeaseTable;
  readonly #parts: QueueParts;
  readonly #unary: UnaryParts;
  readonly #admin: Admin;
  readonly #topics: TopicAdmin;
  readonly #requests: Requests;
  readonly #unanswered = { count: 0 };
  #closing: Promise<void> | undefined;

  /** Use `connect`. */
  constructor(settings: Settings, world: World) {
    const { clock, random } = world;
    this.#settings = settings;
    this.#channels = new Channels(world.dial);
    const leader = new LeaderFinder(settings.endpoints, clock);
    const unanswered = this.#unanswered;
    const shared = { channels: this.#channels, leader, clock, random, unanswered };
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
    this.#unary = { ...shared, timeoutMs, closed: this.#session.closed };
    this.#parts = {
      session: this.#session,
      leases: this.#leases,
      unary: this.#unary,
      clock,
      random,
      timeoutMs,
      waits: world.waits,
    };
    this.#admin = new Admin(this.#unary);
    this.#topics = new TopicAdmin(this.#unary);
    this.#requests = new Requests(this.#parts, this.#admin, this.#events);
  }

  /** Empty while there is none. Changes when a session is lost. */
  get sessionId(): string {
    return this.#session.id;
  }

  /** @internal A call has no answer yet. */
  get isUnanswered(): boolean {
    return this.#unanswered.count > 0 || this.#session.isUnanswered;
  }

  /** @internal A program waits for its next delivery. */
  get isAwaited(): boolean {
    return this.#session.sinks.all().some((sink) => sink.isAwaited);
  }

  /** @internal What handlers, and the bodies of loops, work on now. */
  get inHand(): readonly object[] {
    return this.#session.sinks.all().flatMap((sink) => [...sink.inHand]);
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

  /**
   * Creates a queue, or finds it with the same options; with other options: QUEUE_DIFFERS, saying which. `temporary`: it is deleted
   * when the session of this client ends.
   */
  createQueue(
    name: string,
    options: QueueOptions = {},
    { temporary = false }: { readonly temporary?: boolean } = {},
  ): Promise<{ queue: QueueInfo; created: boolean }> {
    return this.#admin.createQueue(name, options, temporary ? this.sessionId : undefined);
  }

  /** `stale`: what the asked node has applied, instead of everything acknowledged before the call. */
  getQueue(
    name: string,
    options: SignalOptions & { readonly stale?: boolean } = {},
  ): Promise<QueueInfo> {
    return this.#admin.getQueue(name, options.stale ?? false, options.signal);
  }

  /** All queues, by name. */
  listQueues(options: ListOptions = {}): Promise<QueueInfo[]> {
    return this.#admin.listQueues(options);
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

  /** Creates a topic, or finds it with the same options; with other options: QUEUE_DIFFERS, saying which. */
  createTopic(
    name: string,
    options: TopicOptions = {},
  ): Promise<{ topic: TopicInfo; created: boolean }> {
    return this.#topics.create(name, options);
  }

  getTopic(
    name: string,
    options: SignalOptions & { readonly stale?: boolean } = {},
  ): Promise<TopicInfo> {
    return this.#topics.get(name, options.stale ?? false, options.signal);
  }

  /** All topics, by name. */
  listTopics(options: ListOptions = {}): Promise<TopicInfo[]> {
    return this.#topics.list(options);
  }

  /** Changes what is given. `revision`: only if the topic still has it, else REVISION_CONFLICT. */
  updateTopic(
    name: string,
    changes: TopicOptions,
    options: { readonly revision?: number } = {},
  ): Promise<TopicInfo> {
    return this.#topics.update(name, changes, options.revision ?? 0);
  }

  /** Refused with TOPIC_IN_USE while it has subscriptions. `force`: they stay, as plain queues. */
  deleteTopic(
    name: string,
    options: { readonly revision?: number; readonly force?: boolean } = {},
  ): Promise<void> {
    return this.#topics.delete(name, options.revision ?? 0, options.force ?? false);
  }

  /** A queue that gets what is published to a topic; the same again is found, as with createQueue. deleteQueue ends it. */
  async createSubscription(
    name: string,
    options: SubscriptionOptions,
  ): Promise<{ queue: QueueInfo; created: boolean }> {
    return this.#topics.createSubscription(name, options);
  }

  /** What the topic retains from `start` on is appended to the subscription again. */
  async replay(subscription: string, start: StartFrom): Promise<void> {
    return this.#topics.replay(subscription, start);
  }

  /** One message of any queue, as bytes; see Queue.getMessage. */
  getMessage(messageId: string, options: ReadOptions = {}): Promise<MessageInfo<Uint8Array>> {
    return getMessage(this.#unary, { messageId }, asBytes, options);
  }

  /** What happened to a message of any queue; see Queue.history. */
  history(messageId: string, options: ReadOptions = {}): Promise<HistoryEvent[]> {
    return getHistory(this.#unary, { messageId }, options);
  }

  /** Takes a message of any queue out; see Queue.cancel. */
  cancel(messageId: string): Promise<void> {
    return cancel(this.#unary, { messageId });
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

  /**
   * A queue by name; nothing is sent. The default codec is JSON. `schema`: zod, valibot, or whatever has the Standard Schema
   * interface. Producers give its input, and a value that does not match is not sent; consumers get its output, and a message
   * that does not match is rejected before they see it.
   */
  queue<Out, In>(
    name: string,
    options: { readonly schema: StandardSchema<In, Out>; readonly codec?: Codec<unknown> },
  ): Queue<Out, In>;
  queue<T = unknown>(name: string, options?: { readonly codec?: Codec<T> }): Queue<T>;
  queue(name: string, options: FormatOptions = {}): Queue<unknown> {
    return new Queue(this.#parts, name, formatOf(options));
  }

  /** A topic by name; nothing is sent. Codec and schema as of a queue. */
  topic<Out, In>(
    name: string,
    options: { readonly schema: StandardSchema<In, Out>; readonly codec?: Codec<unknown> },
  ): Topic<In>;
  topic<T = unknown>(name: string, options?: { readonly codec?: Codec<T> }): Topic<T>;
  topic(name: string, options: FormatOptions = {}): Topic<unknown> {
    return new Topic(this.#parts, name, formatOf(options));
  }

  /**
   * Settlements, enqueues and conditions in one step, all or nothing, exactly once: consume, transform, produce. `gather` is
   * synchronous. A delivery that is settled here is settled: its handler's return does nothing more.
   * @throws {QueueError} CONDITION_FAILED, STALE_LEASE (a lease is lost), and what an enqueue may be refused with; `field` names
   * the part, as in `conditions[0]`. Nothing has changed then, and the deliveries are held as before.
   */
  async commit(gather: (tx: Transaction) => void, options: SignalOptions = {}): Promise<Committed> {
    return commit(this.#parts, gather, options);
  }

  /**
   * Enqueues to a queue whose consumer replies (`consume(handler, { reply: true })`), and resolves to its answer; or publishes to
   * a topic of which one subscription does: the first answer counts.
   * @throws {QueueError} REQUEST_FAILED: the consumer threw a PermanentError. TIMEOUT, SESSION_EXPIRED: there was no answer; the
   * request may be carried out all the same.
   */
  request<Out = unknown, In = unknown>(
    target: Target<In> | string,
    value: In,
    options: RequestOptions<Out> = {},
  ): Promise<Out> {
    const queue = typeof target === "string" ? this.queue<In>(target) : target;
    return this.#requests.send(queue, value, options);
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

interface FormatOptions {
  readonly codec?: Codec<unknown>;
  readonly schema?: StandardSchema;
}

function formatOf({ codec, schema }: FormatOptions): Format<unknown> {
  return new Format<unknown>(codec ?? jsonCodec(), schema);
}

const asBytes = new Format<Uint8Array>(bytesCodec, undefined);

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
    waits: world.waits ?? (() => undefined),
  });
  await client.open(options.signal, clock);
  return client;
}

// The part of a queue that looks and manages: unary calls, one by one (O5, O6). What carries messages is in queue.ts.

import { Expectation } from "./commit.ts";
import {
  everyItem,
  getHistory,
  getMessage,
  keysPage,
  peekPage,
  refIn,
  type HistoryEvent,
  type KeyInfo,
  type KeysOptions,
  type MessageInfo,
  type MessageRef,
  type Page,
  type PageOptions,
  type PeekOptions,
  type ReadOptions,
} from "./looking.ts";
import {
  cancel,
  purge,
  redrive,
  resolveParked,
  type ParkedAction,
  type Purged,
  type Redriven,
  type RedriveOptions,
  type WireAction,
} from "./managing.ts";
import { integer, type ContentOptions } from "./options.ts";
import { newContent } from "./producing.ts";
import type { Format } from "./schema.ts";
import { callLeader, type UnaryParts } from "./unary.ts";

export class ManagedQueue<T, In = T> {
  readonly name: string;
  /** @internal */
  readonly format: Format<T, In>;
  readonly #parts: UnaryParts;

  constructor(parts: UnaryParts, name: string, format: Format<T, In>) {
    this.#parts = parts;
    this.name = name;
    this.format = format;
  }

  // ---------------------------------------------------------------- looking

  /** All messages as they lie in the queue, by key and key_seq, without a lease; read page by page. */
  peek(options: PeekOptions = {}): AsyncGenerator<MessageInfo<T>, undefined> {
    return everyItem((after) => this.peekPage({ ...options, max: 100, after }));
  }

  peekPage(options: PeekOptions & PageOptions = {}): Promise<Page<MessageInfo<T>>> {
    return peekPage(this.#parts, this.name, this.format, options);
  }

  /** One message that is not settled yet. @throws {QueueError} MESSAGE_NOT_FOUND */
  async getMessage(ref: MessageRef, options: ReadOptions = {}): Promise<MessageInfo<T>> {
    return getMessage(this.#parts, refIn(this.name, ref), this.format, options);
  }

  /** What happened to a message, also after it was settled: see `historyMs`. Empty for a queue that keeps none. */
  async history(ref: MessageRef, options: ReadOptions = {}): Promise<HistoryEvent[]> {
    return getHistory(this.#parts, refIn(this.name, ref), options);
  }

  /** The keys that have messages or are paused; read page by page. */
  keys(options: KeysOptions = {}): AsyncGenerator<KeyInfo, undefined> {
    return everyItem((after) => this.keysPage({ ...options, max: 1_000, after }));
  }

  keysPage(options: KeysOptions & PageOptions = {}): Promise<Page<KeyInfo>> {
    return keysPage(this.#parts, this.name, options);
  }

  // ---------------------------------------------------------------- deciding

  /**
   * Decides about a parked message, by default the first of the key; resolves to its key_seq.
   * @throws {QueueError} MESSAGE_NOT_FOUND: it is not parked (any more).
   */
  async resolveParked(
    key: string,
    options: ContentOptions & {
      readonly action: ParkedAction<In>;
      readonly keySeq?: number | undefined;
    },
  ): Promise<number> {
    const action = this.#action(options.action, options);
    return resolveParked(this.#parts, this.name, key, options.keySeq ?? 0, action);
  }

  /**
   * Of a dead-letter queue: puts its messages back where they came from, at their old places. When it rejects, what `onProgress`
   * has told is done, and the same call goes on from there.
   */
  async redrive(options: RedriveOptions = {}): Promise<Redriven> {
    return redrive(this.#parts, this.name, options);
  }

  /** Takes out a message that nobody holds. @throws {QueueError} MESSAGE_NOT_FOUND, MESSAGE_LEASED */
  async cancel(ref: MessageRef): Promise<void> {
    return cancel(this.#parts, refIn(this.name, ref));
  }

  /**
   * Takes out everything that nobody holds, of one key or of all. `dryRun`: only counts.
   * @throws {QueueError} MALFORMED: a key, and the queue is not ordered by key.
   */
  async purge(
    options: { readonly key?: string | undefined; readonly dryRun?: boolean | undefined } = {},
  ): Promise<Purged> {
    return purge(this.#parts, this.name, options);
  }

  /** Takes messages and delivers none, until `resume`. */
  pause(): Promise<void> {
    return this.#call("PauseQueue", {});
  }

  resume(): Promise<void> {
    return this.#call("ResumeQueue", {});
  }

  /** As `pause`, for one key. */
  pauseKey(key: string): Promise<void> {
    return this.#call("PauseKey", { key });
  }

  resumeKey(key: string): Promise<void> {
    return this.#call("ResumeKey", { key });
  }

  // ---------------------------------------------------------------- conditions of a commit

  /** The last key_seq given in `key` is `keySeq`; 0: none was given yet. */
  tailIs(key: string, keySeq: number): Expectation {
    integer("conditions.tail_is.key_seq", keySeq, 0, Number.MAX_SAFE_INTEGER);
    return new Expectation({ kind: "tailIs", queue: this.name, key, keySeq });
  }

  /** So many messages are in `key`. */
  lengthIs(key: string, messages: number): Expectation {
    integer("conditions.length_is.messages", messages, 0, Number.MAX_SAFE_INTEGER);
    return new Expectation({ kind: "lengthIs", queue: this.name, key, messages });
  }

  async #call(method: PauseMethod, fields: object): Promise<void> {
    await callLeader(this.#parts, method, { queue: this.name, ...fields });
  }

  #action(action: ParkedAction<In>, options: ContentOptions): WireAction {
    if (action === "retry") return { retry: {} };
    if (action === "skip") return { skip: { reason: "" } };
    if ("skip" in action) return { skip: { reason: action.skip } };
    const { body, ...content } = newContent(this.format, action.replace, options);
    return { replace: { ...content, body: Buffer.from(body as Uint8Array) } };
  }
}

type PauseMethod = "PauseQueue" | "ResumeQueue" | "PauseKey" | "ResumeKey";

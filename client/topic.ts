// One topic as its publishers see it. What is published goes to every subscription that matches; a subscription is a queue:
// consume it as one.

import type {
  BatchMessage,
  Enqueued,
  ItemOutcome,
  PublishOptions,
  SignalOptions,
} from "./options.ts";
import { enqueueBatchTo, enqueueTo } from "./producing.ts";
import type { RequestParts } from "./request.ts";
import type { Encoder } from "./schema.ts";

export type TopicMessage<In> = PublishOptions & Pick<BatchMessage<In>, "value">;

export class Topic<In> {
  readonly name: string;
  /** @internal */
  readonly format: Encoder<In>;
  readonly #parts: RequestParts;

  /** Use `Client.topic`. */
  constructor(parts: RequestParts, name: string, format: Encoder<In>) {
    this.#parts = parts;
    this.name = name;
    this.format = format;
  }

  /**
   * To all subscriptions that match, in one step; `seq` is the topic's, `keySeq` 0.
   * @throws {QueueError} QUEUE_FULL: one of the subscriptions is; then none has got it.
   */
  publish(value: In, options: PublishOptions & SignalOptions = {}): Promise<Enqueued> {
    return enqueueTo(this.#parts, this, value, options);
  }

  /** Up to 1,000 messages, in order: all or none, or with `perItem` each for itself. At most 4 MiB together. */
  publishBatch(
    batch: readonly TopicMessage<In>[],
    options?: SignalOptions & { readonly perItem?: false },
  ): Promise<Enqueued[]>;
  publishBatch(
    batch: readonly TopicMessage<In>[],
    options: SignalOptions & { readonly perItem: true },
  ): Promise<ItemOutcome[]>;
  publishBatch(
    batch: readonly TopicMessage<In>[],
    options: SignalOptions & { readonly perItem?: boolean } = {},
  ): Promise<Enqueued[] | ItemOutcome[]> {
    return enqueueBatchTo(this.#parts, this, batch, options);
  }
}

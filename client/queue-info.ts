// A queue's options and counters between the SDK's spelling and the wire's.

import type { Filter, FilterInfo, OnExpiry, QueueInfo, QueueOptions } from "./options.ts";

const onExpiryToWire = {
  REFUSE: "REFUSE",
  DEAD_LETTER: "EXPIRY_DEAD_LETTER",
  DISCARD: "EXPIRY_DISCARD",
} as const satisfies Record<OnExpiry, string>;

const onExpiryFromWire: Readonly<Record<string, OnExpiry>> = {
  EXPIRY_DEAD_LETTER: "DEAD_LETTER",
  EXPIRY_DISCARD: "DISCARD",
};

/** Nearly all field names are the same; "these are all the labels" has a field of its own on the wire. */
export function queueOptionsToWire(options: QueueOptions): object {
  const { onExpiry, ...rest } = options;
  return {
    ...given(rest),
    ...(onExpiry === undefined ? {} : { onExpiry: onExpiryToWire[onExpiry] }),
    ...(options.labels === undefined ? {} : { setLabels: true }),
  };
}

/** Without what is undefined: absent is what the wire means by "stays as it is". */
export function given(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

export function filterToWire(filter: Filter): object {
  return { keyPrefix: filter.keyPrefix ?? "", headers: filter.headers ?? {} };
}

type WireQueue = Omit<QueueInfo, "options" | "subscription"> & {
  readonly options: Omit<QueueInfo["options"], "onExpiry"> & { readonly onExpiry: string };
  readonly topic: string;
  readonly filter: FilterInfo | null;
  readonly catchingUpFrom: number;
};

export function queueInfoFromWire(queue: object): QueueInfo {
  const { options, topic, filter, catchingUpFrom, ...counters } = queue as WireQueue;
  return {
    ...counters,
    options: optionsFromWire(options),
    subscription: topic === "" ? undefined : { topic, filter: copyOf(filter), catchingUpFrom },
  };
}

function copyOf(filter: FilterInfo | null): FilterInfo {
  return { keyPrefix: filter?.keyPrefix ?? "", headers: { ...filter?.headers } };
}

// By name: the loader adds a member for each `optional` that is none of the user's.
function optionsFromWire(options: WireQueue["options"]): QueueInfo["options"] {
  const { retry } = options;
  return {
    ordering: options.ordering,
    maxInFlightPerKey: options.maxInFlightPerKey,
    leaseMs: options.leaseMs,
    maxAttempts: options.maxAttempts,
    retry: { initialMs: retry.initialMs, multiplier: retry.multiplier, maxMs: retry.maxMs },
    onExhausted: options.onExhausted,
    deadLetterQueue: options.deadLetterQueue,
    maxMessages: options.maxMessages,
    maxBytes: options.maxBytes,
    maxMessageBytes: options.maxMessageBytes,
    paused: options.paused,
    labels: { ...options.labels },
    messageTtlMs: options.messageTtlMs,
    onExpiry: onExpiryFromWire[options.onExpiry] ?? "REFUSE",
    dedupWindowMs: options.dedupWindowMs,
    orderedDelay: options.orderedDelay,
    maxMessagesPerKey: options.maxMessagesPerKey,
    maxBytesPerKey: options.maxBytesPerKey,
    historyMs: options.historyMs,
  };
}

// What the parent asks of a client process, and what comes back. Commands do not wait for each other: while one produces, others
// look at how far it is.

export interface ProduceOrder {
  /** In turn; each has one of the process's clients. */
  readonly queues: readonly string[];
  readonly bytes: number;
  /** Keys 0 … keys-1 in turn, in each queue. */
  readonly keys: number;
  /** Enqueues on their way at once. */
  readonly outstanding: number;
  /** Messages per second, sent when they are due and not when the last answer came; 0: as fast as answers come. */
  readonly rate: number;
  /** So many messages; 0: until it is told to stop. */
  readonly count: number;
}

export interface Produced {
  readonly sent: number;
  readonly confirmed: number;
  readonly errors: number;
  readonly firstError: string;
  /** From the first message to the last answer. */
  readonly ms: number;
}

export interface ConsumeOrder {
  readonly queues: readonly string[];
  /** Deliveries unsettled at once, over all queues. */
  readonly credit: number;
  /** How long each message is held before it is acked; 0: acked at once. */
  readonly holdMs: number;
  /** Looks at each message's place (witness.ts). */
  readonly isChecked: boolean;
}

/** What happened since the slice before. */
export interface Slice {
  readonly ms: number;
  /** Confirmed enqueues, or confirmed acks. */
  readonly count: number;
  /** Of the answers to enqueue, or of the ways from end to end: latency.ts. */
  readonly histogram: string;
}

export interface Counts {
  readonly received: number;
  readonly acked: number;
  readonly redelivered: number;
  /** With `isChecked`: different messages; copies beyond the first; those that came before one of their key that is older. */
  readonly distinct: number;
  readonly doubled: number;
  readonly outOfOrder: number;
}

/** What was first sent after a moment. */
export interface Recovery {
  /** When the first of those was confirmed; undefined: none yet. */
  readonly confirmedMs: number | undefined;
}

export interface Commands {
  readonly connect: (order: { endpoints: readonly string[]; clients: number }) => null;
  readonly produce: (order: ProduceOrder) => Produced;
  readonly stopProducing: (order: null) => null;
  readonly producedSlice: (order: null) => Slice;
  readonly recovery: (order: { sinceMs: number }) => Recovery;
  readonly consume: (order: ConsumeOrder) => null;
  readonly consumedSlice: (order: null) => Slice;
  readonly counts: (order: null) => Counts;
  readonly close: (order: null) => null;
}

export type CommandName = keyof Commands;
export type OrderOf<K extends CommandName> = Parameters<Commands[K]>[0];
export type AnswerOf<K extends CommandName> = ReturnType<Commands[K]>;

export interface Request {
  readonly id: number;
  readonly name: CommandName;
  readonly order: unknown;
}

export type Response =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };

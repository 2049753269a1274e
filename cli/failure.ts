// How a command ends badly: an exit code that a script can branch on, and one line that tells a person what was wrong and
// what to do next.

import { QueueError, type Reason } from "../client/index.ts";

export const exitCodes = {
  ok: 0,
  /** The cluster answered, and the answer was no. */
  refused: 1,
  usage: 2,
  /** Nobody answered in time: not reachable, or no leader. Whether a change took effect is then unknown. */
  unreachable: 3,
} as const;

/** A command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something outside the cluster that failed: a file, a port, a child process. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.refused, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** What the user can do about a refusal, for the reasons where that is not obvious from the message. */
const nextSteps: Readonly<Partial<Record<Reason, string>>> = {
  NOT_LEADER: "add the other members to --endpoints",
  UNREACHABLE: "`raftq dev` starts a cluster here, --endpoints names another one",
  QUEUE_NOT_FOUND: "create it with `raftq queue create NAME`, or look with `raftq queue list`",
  QUEUE_DIFFERS: "change it with `raftq queue update`, or ask for the same options",
  QUEUE_NOT_EMPTY: "leave out --if-empty to delete the messages too",
  QUEUE_FULL: "consume messages, or raise the quota with `raftq queue update`",
  DISK_WATERMARK:
    "consume messages, or give the nodes more disk; `raftq status` shows which are full",
  VERSION_TOO_OLD: "upgrade every member; `raftq status` shows which rules each one knows",
  KEY_REQUIRED: "give one with --key",
  MESSAGE_NOT_FOUND: "it is settled, or never was; `raftq queue peek NAME` shows what is there",
  MESSAGE_LEASED: "wait until it is settled; `raftq queue message ID` shows its state",
  TOPIC_NOT_FOUND: "create it with `raftq topic create NAME`, or look with `raftq topic list`",
  TOPIC_IN_USE: "delete its subscriptions, or let them stay as plain queues with --force",
  DELAY_NOT_ALLOWED: "see --ordered-delay of `raftq queue update`",
  REVISION_CONFLICT: "read it again with `raftq queue show NAME`",
};

const unreachable: ReadonlySet<string> = new Set<Reason>([
  "NOT_LEADER",
  "NO_LEADER",
  "SHUTTING_DOWN",
  "TIMEOUT",
  "UNREACHABLE",
]);

export interface Failure {
  readonly exitCode: number;
  readonly line: string;
}

/** Any error as one line and an exit code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { exitCode: exitCodes.usage, line: error.message };
  if (error instanceof CommandError) return { exitCode: error.exitCode, line: error.message };
  if (error instanceof QueueError) {
    const field = error.field === "" ? "" : ` (${error.field})`;
    const step = nextSteps[error.reason];
    return {
      exitCode: unreachable.has(error.reason) ? exitCodes.unreachable : exitCodes.refused,
      line: `${error.reason}${field}: ${error.message}${step === undefined ? "" : `; ${step}`}`,
    };
  }
  return { exitCode: exitCodes.refused, line: unforeseen(error) };
}

/** Outcomes have names; what the runtime threw is a bug of ours, and only its stack says where. */
function unforeseen(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isBug = [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
  return isBug ? `this is a bug in raftq: ${error.stack ?? error.message}` : error.message;
}

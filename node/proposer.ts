// Gathers the commands of all clients into log entries: one entry for what arrived in a turn of the event loop.
//   B1. Commands of one session keep their order: they are added, proposed and applied in order of arrival. Between sessions what
//       waits takes turns (fair-queue.ts): an acknowledgement does not wait behind all that a busy producer has sent before.
//   B2. Every command that was added is answered exactly once: by its apply, or with what became of it (R10, H4).
//   B3. While idle a command waits for nothing but the end of the turn; under load it waits while `entriesInFlightMax`
//       entries are under way, which makes entries larger instead of more.
//   B4. Commands that would be a small entry wait while any other is under way: what comes meanwhile shares an entry with them,
//       which every node has to write, sync and send. An entry of one command costs as much as one of fifty.

import {
  entryPayload,
  RecordWriter,
  type Answer,
  type Command,
  type Origin,
} from "../queue/index.ts";
import type { EntryId, ProposalRefusal, Proposed } from "../raft/index.ts";
import type { Clock } from "./clock.ts";
import { FairQueue } from "./fair-queue.ts";

/** Why a command has no answer of the state machine. */
export type Unanswered =
  /** Certainly not applied: ask the leader. */
  | { readonly kind: "not-leader" }
  /** It was appended, and this node stopped being the leader: it may or may not be applied. */
  | { readonly kind: "unknown" }
  | { readonly kind: "shutting-down" };

export type Respond = (answer: Answer | Unanswered) => void;

interface Batch {
  readonly id: EntryId;
  readonly waiting: (Respond | undefined)[];
}

/** Ready to be proposed. */
interface Sealed {
  readonly payload: Uint8Array;
  readonly waiting: (Respond | undefined)[];
}

/** Where the commands of one session are cut into pieces. */
const pieceBytesMax = 4096;

interface ProposerOptions {
  readonly entryBytesMax: number;
  /** Entries appended and not applied before further commands are gathered instead; default 8. */
  readonly entriesInFlightMax: number;
  /** B4: bytes gathered before they become an entry although others are under way; 0: any are enough. Default 32 KiB. */
  readonly sharedEntryBytes: number;
  /** Bytes gathered before clients are held back. */
  readonly backlogBytesMax: number;
}

export class Proposer {
  /** Of the piece that is being gathered: commands of one session. */
  readonly #writer = new RecordWriter(64 * 1024);
  #session = 0;
  #gathered: (Respond | undefined)[] = [];
  readonly #waiting = new FairQueue<Respond | undefined>();
  readonly #clock: Clock;
  readonly #options: ProposerOptions;
  readonly #propose: (payload: Uint8Array) => Proposed;
  readonly #stamp: () => number;
  /** An entry that raft/ would not take yet. */
  #sealed: Sealed | undefined;
  /** Appended, not yet applied; ascending index. */
  readonly #inFlight: Batch[] = [];
  #scheduled = false;
  #closed: Unanswered | undefined;
  /** Counts the leaderships that were lost. */
  #leadership = 0;
  readonly #onRoom: (() => void)[] = [];

  constructor(
    clock: Clock,
    options: ProposerOptions,
    stamp: () => number,
    propose: (payload: Uint8Array) => Proposed,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#stamp = stamp;
    this.#propose = propose;
  }

  /** Whether clients should be held back; `whenRoom` tells when not any more. */
  get full(): boolean {
    return this.#bytes > this.#options.backlogBytesMax;
  }

  get #bytes(): number {
    return (this.#sealed?.payload.length ?? 0) + this.#waiting.bytes + this.#writer.bytes;
  }

  whenRoom(run: () => void): void {
    this.#onRoom.push(run);
  }

  add(origin: Origin, command: Command, respond: Respond | undefined): void {
    if (this.#closed !== undefined) {
      respond?.(this.#closed);
      return;
    }
    if (origin.session !== this.#session) this.#cutPiece();
    this.#session = origin.session;
    // Throws only for a defect of the door. Half a command must never reach the log: every node would stop at it, at every start.
    this.#writer.add(origin, command);
    this.#gathered.push(respond);
    const { entryBytesMax } = this.#options;
    if (this.#writer.bytes >= Math.min(pieceBytesMax, entryBytesMax)) this.#cutPiece();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #cutPiece(): void {
    if (this.#gathered.length === 0) return;
    const records = this.#writer.cut();
    this.#waiting.push({ session: this.#session, records, waiting: this.#gathered });
    this.#gathered = [];
  }

  #seal(): Sealed {
    const pieces = this.#waiting.take(this.#options.entryBytesMax);
    const waiting = pieces.flatMap((piece) => piece.waiting);
    const records = pieces.map((piece) => piece.records);
    return { payload: entryPayload(this.#stamp(), waiting.length, records), waiting };
  }

  /** B4. */
  get #isWorthWaiting(): boolean {
    const { entryBytesMax, sharedEntryBytes } = this.#options;
    const isSmall = this.#waiting.bytes < Math.min(sharedEntryBytes, entryBytesMax);
    return isSmall && this.#inFlight.length > 0;
  }

  #flush(): void {
    this.#cutPiece();
    while (this.#inFlight.length < this.#options.entriesInFlightMax) {
      if (this.#sealed === undefined && (this.#waiting.isEmpty || this.#isWorthWaiting)) break;
      const next = this.#sealed ?? this.#seal();
      this.#sealed = undefined;
      const leadership = this.#leadership;
      const proposed = this.#propose(next.payload);
      if (leadership !== this.#leadership) {
        // Lost within the step that took it: if it was appended, nobody knows what becomes of it.
        const kind = proposed.kind === "appended" ? "unknown" : "not-leader";
        for (const respond of next.waiting) respond?.({ kind });
        break;
      }
      if (proposed.kind === "refused" && isForLater(proposed.reason)) {
        this.#sealed = next;
        break;
      }
      if (proposed.kind === "appended")
        this.#inFlight.push({ id: proposed.id, waiting: next.waiting });
      else for (const respond of next.waiting) respond?.({ kind: "not-leader" });
    }
    if (this.#onRoom.length > 0 && !this.full) for (const run of this.#onRoom.splice(0)) run();
  }

  /** Whoever waits for the command at `ordinal` of an entry that is being applied here; each is handed out once. */
  take(id: EntryId, ordinal: number): Respond | undefined {
    // Several entries may be applied before `applied` says so.
    let at = 0;
    while ((this.#inFlight[at]?.id.index ?? Infinity) < id.index) at += 1;
    const batch = this.#inFlight[at];
    if (batch?.id.index !== id.index || batch.id.term !== id.term) return undefined;
    const respond = batch.waiting[ordinal];
    batch.waiting[ordinal] = undefined;
    return respond;
  }

  /** Everything up to `index` is applied. */
  applied(index: number): void {
    let done = 0;
    while (done < this.#inFlight.length && (this.#inFlight[done]?.id.index ?? 0) <= index)
      done += 1;
    if (done > 0) this.#inFlight.splice(0, done);
    this.#flush();
  }

  /** Leadership is lost: what is under way may or may not be applied, by whoever leads next (B2). */
  abandon(): void {
    this.#leadership += 1;
    this.#cutPiece();
    const inFlight = this.#inFlight.splice(0);
    const waiting = [this.#sealed, ...this.#waiting.drain()];
    this.#sealed = undefined;
    for (const batch of inFlight)
      for (const respond of batch.waiting) respond?.({ kind: "unknown" });
    for (const one of waiting)
      for (const respond of one?.waiting ?? []) respond?.({ kind: "not-leader" });
    for (const run of this.#onRoom.splice(0)) run();
  }

  /** Takes nothing more; what is under way is still answered. */
  close(): void {
    this.#closed = { kind: "shutting-down" };
  }

  get idle(): boolean {
    return (
      this.#inFlight.length === 0 &&
      this.#sealed === undefined &&
      this.#gathered.length === 0 &&
      this.#waiting.isEmpty
    );
  }
}

/**
 * Not now, but here: something has to be applied first. During a transfer of leadership (D6) that is the no-op by which raft/
 * ends a transfer that came to nothing; a transfer that succeeds ends this leadership.
 */
function isForLater(reason: ProposalRefusal): boolean {
  return reason === "uncommitted-limit" || reason === "transferring";
}

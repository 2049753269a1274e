// The membership as this node lives it: what the log says is passed on to the members (members.ts), what administrators ask for is
// carried out (membership-changes.ts, transfers.ts), and a node that is no member any more comes to its end.
//   AD1. The members see a membership as soon as it is in the log, and no longer than that (M1-M3 of raft/membership.ts).
//   AD2. A node that finds itself removed ends, but not at once: a leader that removed itself still has its last word (C8).

import type {
  Entry,
  Membership,
  MembershipChange,
  NodeId,
  Persist,
  Proposed,
  RaftStatus,
  TransferOutcome,
} from "../raft/index.ts";
import type { Clock } from "./clock.ts";
import type { ServerConfig } from "./server-options.ts";
import type { RestoredLog } from "./log/index.ts";
import type { Members } from "./members.ts";
import { MembershipChanges, type ChangeOutcome, type ChangeRequest } from "./membership-changes.ts";
import { Transfers, type TransferAnswer } from "./transfers.ts";

interface Loop {
  readonly clock: Clock;
  readonly status: () => RaftStatus;
  readonly propose: (change: MembershipChange) => Proposed;
  readonly transfer: (to: NodeId) => TransferOutcome;
  /** Resolves to whether this node leads and has everything that was acknowledged before the call. */
  readonly isNewest: () => Promise<boolean>;
  readonly isClosing: () => boolean;
  readonly fatal: (error: unknown) => void;
}

export class Administration {
  readonly #members: Members;
  readonly #electionMs: number;
  readonly #loop: Loop;
  readonly #changes: MembershipChanges;
  readonly #transfers: Transfers;
  #dismissed = false;

  constructor(
    members: Members,
    { electionMs, tickMs }: Pick<ServerConfig, "electionMs" | "tickMs">,
    loop: Loop,
  ) {
    const electionTicks = Math.ceil(electionMs / tickMs);
    this.#members = members;
    this.#electionMs = electionMs;
    this.#loop = loop;
    this.#changes = new MembershipChanges(members, 2 * electionTicks, loop.propose);
    this.#transfers = new Transfers(electionTicks, loop.status, loop.transfer);
  }

  // ---------------------------------------------------------------- what is asked for

  /** Resolves when the change is committed (MC1-MC3). */
  async change(request: ChangeRequest): Promise<ChangeOutcome> {
    // Also "it is so already" must be true of the newest membership, not of what a deposed leader remembers.
    if (!(await this.#loop.isNewest())) return this.#elsewhere();
    return new Promise((resolve) => this.#changes.ask(request, resolve));
  }

  /** Hands leadership over; 0: to the voter that is the furthest. Resolves when that is done or has come to nothing (TR1). */
  async transfer(to: NodeId): Promise<TransferAnswer> {
    if (!(await this.#loop.isNewest())) return this.#elsewhere();
    return new Promise((resolve) => this.#transfers.ask(to, resolve));
  }

  #elsewhere(): { readonly kind: "shutting-down" | "not-leader" } {
    return { kind: this.#loop.isClosing() ? "shutting-down" : "not-leader" };
  }

  // ---------------------------------------------------------------- what the log says

  /** What is applied is committed; of newer memberships in the log that is not known at the start. */
  restored({ snapshot, memberships }: RestoredLog, applied: number): void {
    const base = { index: snapshot.last.index, membership: snapshot.membership };
    const committed = memberships.findLast(({ index }) => index <= applied) ?? base;
    this.#members.committed(committed.index, committed.membership);
    this.#adopt();
  }

  /** AD1: this is on its way to the log. */
  appended({ truncateAfter, entries }: Persist): void {
    if (truncateAfter !== undefined || entries.some(({ kind }) => kind === "membership"))
      this.#adopt();
  }

  committed(entries: readonly Entry[]): void {
    this.#left(this.#members.committedEntries(entries));
    this.#changes.committed(entries);
  }

  /** A snapshot has replaced the log. */
  installed(index: number, membership: Membership): void {
    this.#left(this.#members.committed(index, membership));
    this.#adopt();
  }

  #adopt(): void {
    const { membership, membershipIndex } = this.#loop.status();
    this.#members.adopt(membershipIndex, membership);
  }

  /** The links to those who left stay until whatever they had to say must have come (ME1). */
  #left(left: readonly NodeId[]): void {
    const { clock } = this.#loop;
    if (left.length > 0) clock.after(2 * this.#electionMs, () => this.#members.letGo(left));
    const { dismissal } = this.#members;
    if (dismissal === undefined || this.#dismissed) return;
    this.#dismissed = true;
    // AD2.
    clock.after(this.#electionMs, () => this.#loop.fatal(dismissal));
  }

  // ---------------------------------------------------------------- time and roles

  /** `leads`: this node leads, and its state machine is up to date. */
  tick(leads: boolean): void {
    this.#changes.tick(leads);
    this.#transfers.tick();
  }

  leadershipLost(): void {
    this.#changes.lost();
  }

  ledBy(other: NodeId): void {
    this.#transfers.ledBy(other);
  }

  close(): void {
    this.#changes.close();
    this.#transfers.close();
  }
}

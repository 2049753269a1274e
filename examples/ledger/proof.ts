// The proof: what was sent, what was handled and in which order, and nothing else. It knows no queue and no client, so that
// it cannot share their mistakes. What must hold of every account:
//
//   B1. Every booking was handled (nothing lost).
//   B2. No booking was handled twice.
//   B3. Bookings were handled in the order of account_seq, and the queue's key_seq says the same number.
//   B4. Each booking arrived as it was sent.
//   B5. Balance before ± amount = balance after, within the bank's rounding, at every step as it was handled.
//   B6. Fencing tokens grow from each booking to the next.

import { balanceAfter, type LedgerRow } from "./row.ts";

/** The first handling of a message, in the order in which handlers ran. */
export interface Handled {
  readonly row: LedgerRow;
  readonly keySeq: number;
  readonly fencingToken: number;
}

export type ProblemKind =
  | "lost"
  | "doubled"
  | "out-of-order"
  | "misnumbered"
  | "altered"
  | "wrong-balance"
  | "stale-token"
  | "never-sent";

export interface Problem {
  readonly kind: ProblemKind;
  readonly account: string;
  readonly detail: string;
}

export interface Proof {
  readonly accounts: number;
  /** Handlings that were checked. */
  readonly steps: number;
  readonly problems: readonly Problem[];
}

export function prove(
  sent: readonly LedgerRow[],
  handled: readonly Handled[],
  toleranceTenths: number,
): Proof {
  const expected = byAccount(sent, (row) => row.account);
  const seen = byAccount(handled, (each) => each.row.account);
  const problems: Problem[] = [];
  for (const [account, rows] of expected) {
    const history = seen.get(account) ?? [];
    for (const found of problemsOf(rows, history, toleranceTenths)) {
      problems.push({ ...found, account });
    }
  }
  for (const account of seen.keys()) {
    if (!expected.has(account)) {
      problems.push({ kind: "never-sent", account, detail: "the account is not in the ledger" });
    }
  }
  return { accounts: expected.size, steps: handled.length, problems };
}

type Found = Omit<Problem, "account">;

function* problemsOf(
  rows: readonly LedgerRow[],
  history: readonly Handled[],
  toleranceTenths: number,
): Generator<Found> {
  const done = new Set<number>();
  let highest = 0;
  let previous: Handled | undefined;
  for (const each of history) {
    const { row, keySeq } = each;
    const seq = row.accountSeq;
    const original = rows[seq - 1];
    if (original === undefined) {
      yield { kind: "never-sent", detail: `booking ${seq} of ${rows.length}` };
      continue;
    }
    if (keySeq !== seq) {
      yield { kind: "misnumbered", detail: `booking ${seq} has key_seq ${keySeq}` };
    }
    yield* differences(original, row);
    if (done.has(seq)) {
      yield { kind: "doubled", detail: `booking ${seq} was handled again` };
      continue;
    }
    done.add(seq);
    // A gap is no problem of its own: what is missing comes later (out of order) or never (lost).
    if (seq < highest) {
      yield {
        kind: "out-of-order",
        detail: `booking ${seq} was handled after ${highest}`,
      };
    }
    highest = Math.max(highest, seq);
    yield* stepProblems(previous, each, toleranceTenths);
    previous = each;
  }
  const missing = rows.map((row) => row.accountSeq).filter((seq) => !done.has(seq));
  if (missing.length > 0) {
    yield {
      kind: "lost",
      detail: `${missing.length} of ${rows.length} bookings were never handled: ${ranges(missing)}`,
    };
  }
}

/** B5 and B6, from one handling to the next. A balance says something only about neighbours: a gap is reported by itself. */
function* stepProblems(
  previous: Handled | undefined,
  each: Handled,
  toleranceTenths: number,
): Generator<Found> {
  const { row } = each;
  if ((previous?.row.accountSeq ?? 0) + 1 !== row.accountSeq) return;
  const before = previous?.row.balanceTenths ?? 0;
  const computed = balanceAfter(before, row);
  if (Math.abs(computed - row.balanceTenths) > toleranceTenths) {
    yield {
      kind: "wrong-balance",
      detail:
        `booking ${row.accountSeq}: ${before} before, ${row.direction} of ` +
        `${row.amountTenths} makes ${computed}, recorded ${row.balanceTenths}`,
    };
  }
  if (previous !== undefined && each.fencingToken <= previous.fencingToken) {
    yield {
      kind: "stale-token",
      detail: `booking ${row.accountSeq}: token ${each.fencingToken} after ${previous.fencingToken}`,
    };
  }
}

function* differences(sent: LedgerRow, arrived: LedgerRow): Generator<Found> {
  for (const [field, value] of Object.entries(sent)) {
    const other: unknown = (arrived as unknown as Readonly<Record<string, unknown>>)[field];
    if (other !== value) {
      yield {
        kind: "altered",
        detail: `booking ${sent.accountSeq}: ${field} was sent as ${String(value)} and came as ${String(other)}`,
      };
    }
  }
}

function byAccount<T>(items: readonly T[], accountOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const account = accountOf(item);
    const group = groups.get(account);
    if (group === undefined) groups.set(account, [item]);
    else group.push(item);
  }
  return groups;
}

/** [1, 2, 3, 7] → "1-3, 7". */
function ranges(ascending: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const value of ascending) {
    const last = parts.at(-1);
    if (last?.[1] === value - 1) last[1] = value;
    else parts.push([value, value]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

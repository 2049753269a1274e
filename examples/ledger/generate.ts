// A made-up ledger of the shape of a bank's: accounts open over time, some are busier than others, and no balance falls
// below zero. The same seed gives the same ledger on every machine.

import { balanceAfter, type LedgerRow } from "./row.ts";

export interface GenerateOptions {
  readonly messages: number;
  readonly accounts: number;
  readonly seed: number;
}

interface Account {
  readonly name: string;
  accountSeq: number;
  balanceTenths: number;
}

const firstDayMs = Date.UTC(2024, 0, 1);
const dayMs = 86_400_000;
const days = 365;
/** By this part of the ledger all accounts are open. */
const openingPart = 0.1;

const credits = [
  ["CASH DEPOSIT", ""],
  ["TRANSFER IN", "PENSION"],
  ["TRANSFER IN", ""],
  ["", "INTEREST"],
] as const;
const debits = [
  ["CASH WITHDRAWAL", ""],
  ["TRANSFER OUT", "HOUSEHOLD"],
  ["CASH WITHDRAWAL", "FEE"],
  ["TRANSFER OUT", "INSURANCE"],
  ["CARD WITHDRAWAL", ""],
] as const;

export function generateLedger(options: GenerateOptions): LedgerRow[] {
  const random = generator(options.seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const accounts: Account[] = [];
  const rows: LedgerRow[] = [];
  for (let index = 0; index < options.messages; index++) {
    const account = pick(accounts, index, options, random);
    const open = account.accountSeq === 0;
    const credit = open || account.balanceTenths < 10 || random() < 0.45;
    const [operation, symbol] = open
      ? credits[0]
      : credit
        ? (credits[below(credits.length)] ?? credits[0])
        : (debits[below(debits.length)] ?? debits[0]);
    // A debit takes at most half of what is there, so that no balance falls below zero.
    const most = credit ? 200_000 : Math.floor(account.balanceTenths / 2);
    const booking = {
      direction: credit ? ("credit" as const) : ("debit" as const),
      amountTenths: 1 + below(most),
    };
    account.accountSeq++;
    account.balanceTenths = balanceAfter(account.balanceTenths, booking);
    rows.push({
      account: account.name,
      accountSeq: account.accountSeq,
      date: dateOf(index, options.messages),
      ...booking,
      balanceTenths: account.balanceTenths,
      operation,
      symbol,
    });
  }
  return rows;
}

/** Opens the next account when it is due, else takes an open one, the older ones more often. */
function pick(
  accounts: Account[],
  index: number,
  options: GenerateOptions,
  random: () => number,
): Account {
  const due = Math.ceil((options.accounts * (index + 1)) / (options.messages * openingPart));
  // When there are hardly more messages than accounts, the last ones may not wait for their time.
  const late = options.messages - index <= options.accounts - accounts.length;
  if (accounts.length < options.accounts && (accounts.length < due || late)) {
    const opened = { name: String(1000 + accounts.length), accountSeq: 0, balanceTenths: 0 };
    accounts.push(opened);
    return opened;
  }
  const chosen = accounts[Math.floor(random() ** 1.5 * accounts.length)];
  if (chosen === undefined) throw new Error("the first message opens the first account");
  return chosen;
}

function dateOf(index: number, messages: number): string {
  const day = Math.floor((index * days) / messages);
  return new Date(firstDayMs + day * dayMs).toISOString().slice(0, 10);
}

/** mulberry32: 32 bits of state, the same numbers everywhere; good enough for a demo and nothing else. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

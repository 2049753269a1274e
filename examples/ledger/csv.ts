// Reads a ledger from CSV. A ledger with a mistake in it would prove nothing, so the first bad row stops everything before
// a message is sent, and is named by line and column.

import { parse, CsvError } from "csv-parse/sync";
import { balanceAfter, columns, type LedgerRow } from "./row.ts";

/** A bad row: where it is and what was expected there. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly line: number;
  readonly column: string;

  constructor(line: number, column: string, message: string) {
    super(`line ${line}, ${column === "" ? "" : `column ${column}: `}${message}`);
    this.line = line;
    this.column = column;
  }
}

interface Account {
  accountSeq: number;
  balanceTenths: number;
}

interface RawLine {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * @param toleranceTenths how far a recorded balance may be from the computed one: banks round.
 * @throws {LedgerError} naming the line, the column and what was expected.
 */
export function parseLedger(text: string, toleranceTenths: number): LedgerRow[] {
  const lines = split(text);
  const accounts = new Map<string, Account>();
  const [header, ...body] = lines;
  checkHeader(header?.record ?? []);
  if (body.length === 0) throw new LedgerError(2, "", "is missing: expected at least one booking");
  return body.map(({ record, info }) => {
    const row = readRow(record, info.lines);
    checkAgainst(accounts, row, info.lines, toleranceTenths);
    return row;
  });
}

function split(text: string): readonly RawLine[] {
  try {
    // The number of columns is checked here, not by the parser, so that the message can say what was expected.
    return parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as readonly RawLine[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = (error as { lines?: unknown }).lines;
    throw new LedgerError(typeof line === "number" ? line : 1, "", `is not CSV: ${error.message}`);
  }
}

function checkHeader(header: readonly string[]): void {
  columns.forEach((name, index) => {
    if (header[index] !== name) {
      throw new LedgerError(1, name, `is ${shown(header[index])}; expected ${columns.join(",")}`);
    }
  });
  if (header.length > columns.length) {
    throw new LedgerError(1, shown(header[columns.length]), `expected ${columns.join(",")}`);
  }
}

function readRow(record: readonly string[], line: number): LedgerRow {
  if (record.length !== columns.length) {
    throw new LedgerError(
      line,
      columns[record.length] ?? String(columns.length + 1),
      `has ${record.length} columns; expected ${columns.length}: ${columns.join(",")}`,
    );
  }
  const [account, accountSeq, date, direction, amount, balance, operation, symbol] =
    record as unknown as readonly [string, string, string, string, string, string, string, string];
  if (account === "" || Buffer.byteLength(account) > 256) {
    throw new LedgerError(line, "account", `is ${shown(account)}; expected 1 to 256 bytes`);
  }
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date))) {
    throw new LedgerError(line, "date", `is ${shown(date)}; expected YYYY-MM-DD`);
  }
  if (direction !== "credit" && direction !== "debit") {
    throw new LedgerError(line, "direction", `is ${shown(direction)}; expected credit or debit`);
  }
  return {
    account,
    accountSeq: whole(accountSeq, line, "account_seq", 1),
    date,
    direction,
    amountTenths: whole(amount, line, "amount_tenths", 0),
    balanceTenths: whole(balance, line, "balance_tenths", Number.MIN_SAFE_INTEGER),
    operation,
    symbol,
  };
}

function whole(text: string, line: number, column: string, min: number): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
    const from = min === Number.MIN_SAFE_INTEGER ? "" : ` of at least ${min}`;
    throw new LedgerError(line, column, `is ${shown(text)}; expected a whole number${from}`);
  }
  return value;
}

/** Dense from 1 within the account, and each balance is the one before it plus or minus the amount. */
function checkAgainst(
  accounts: Map<string, Account>,
  row: LedgerRow,
  line: number,
  toleranceTenths: number,
): void {
  const account = accounts.get(row.account) ?? { accountSeq: 0, balanceTenths: 0 };
  accounts.set(row.account, account);
  if (row.accountSeq !== account.accountSeq + 1) {
    throw new LedgerError(
      line,
      "account_seq",
      `is ${row.accountSeq}; expected ${account.accountSeq + 1}, the next of account ${row.account}`,
    );
  }
  const expected = balanceAfter(account.balanceTenths, row);
  if (Math.abs(expected - row.balanceTenths) > toleranceTenths) {
    throw new LedgerError(
      line,
      "balance_tenths",
      `is ${row.balanceTenths}; expected ${expected} (${account.balanceTenths} before, ${row.direction} of ${row.amountTenths})`,
    );
  }
  account.accountSeq = row.accountSeq;
  account.balanceTenths = row.balanceTenths;
}

function shown(text: string | undefined): string {
  return text === undefined ? "missing" : JSON.stringify(text);
}

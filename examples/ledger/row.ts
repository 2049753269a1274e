// One booking of a ledger: what the CSV has in a line, and what a message carries.

export interface LedgerRow {
  /** The ordering key. */
  readonly account: string;
  /** 1, 2, 3 … within the account. */
  readonly accountSeq: number;
  /** Booking date, YYYY-MM-DD. */
  readonly date: string;
  readonly direction: "credit" | "debit";
  /** Tenths of a crown: whole numbers add up exactly. */
  readonly amountTenths: number;
  /** The account's balance after this booking, as the bank recorded it. */
  readonly balanceTenths: number;
  readonly operation: string;
  readonly symbol: string;
}

/** The columns of the CSV, in their order. */
export const columns = [
  "account",
  "account_seq",
  "date",
  "direction",
  "amount_tenths",
  "balance_tenths",
  "operation",
  "symbol",
] as const;

/** What the booking makes of the balance before it. */
export function balanceAfter(
  beforeTenths: number,
  row: Pick<LedgerRow, "direction" | "amountTenths">,
): number {
  return row.direction === "credit"
    ? beforeTenths + row.amountTenths
    : beforeTenths - row.amountTenths;
}

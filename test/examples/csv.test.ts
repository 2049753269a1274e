import { describe, expect, test } from "vitest";
import { LedgerError, parseLedger } from "../../examples/ledger/csv.ts";
import { generateLedger } from "../../examples/ledger/generate.ts";
import { columns } from "../../examples/ledger/row.ts";

const header = columns.join(",");
const good = [
  "7,1,1993-01-01,credit,100,100,VKLAD,",
  "8,1,1993-01-01,credit,5,5,,",
  "7,2,1993-01-02,debit,30,70,, ",
];

function errorOf(lines: readonly string[], toleranceTenths = 0): LedgerError {
  try {
    parseLedger(lines.join("\n"), toleranceTenths);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
  throw new Error("the ledger was accepted");
}

/** The good ledger with one line replaced. */
function withLine(line: number, text: string): string[] {
  return [header, ...good].map((original, index) => (index + 1 === line ? text : original));
}

describe("a good ledger", () => {
  test("is read row by row, empty and blank texts as they are", () => {
    const rows = parseLedger([header, ...good].join("\n"), 0);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toEqual({
      account: "7",
      accountSeq: 1,
      date: "1993-01-01",
      direction: "credit",
      amountTenths: 100,
      balanceTenths: 100,
      operation: "VKLAD",
      symbol: "",
    });
    expect(rows[2]?.symbol).toBe(" ");
  });

  test("may have a byte order mark, Windows line ends, quotes and a last line end", () => {
    const text = `\uFEFF${header}\r\n"7",1,1993-01-01,credit,100,100,"A, B",\r\n`;
    expect(parseLedger(text, 0)[0]).toMatchObject({ account: "7", operation: "A, B" });
  });

  test("may be off by the bank's rounding, and no more", () => {
    const rounded = [header, "7,1,1993-01-01,credit,100,101,,"];
    expect(parseLedger(rounded.join("\n"), 1)).toHaveLength(1);
    expect(errorOf(rounded, 0).column).toBe("balance_tenths");
    expect(errorOf([header, "7,1,1993-01-01,credit,100,102,,"], 1).column).toBe("balance_tenths");
  });

  test("may have negative balances: banks lend", () => {
    expect(parseLedger([header, "7,1,1993-01-01,debit,100,-100,,"].join("\n"), 0)).toHaveLength(1);
  });

  test("a generated one has the same shape", () => {
    const rows = generateLedger({ messages: 300, accounts: 20, seed: 5 });
    const lines = rows.map((row) => Object.values(row).join(","));
    expect(parseLedger([header, ...lines].join("\n"), 0)).toEqual(rows);
  });
});

describe("a bad row is named by line and column, with what was expected", () => {
  test.each([
    ["too few columns", 3, "8,1,1993-01-01,credit,5,5,", "symbol", "has 7 columns; expected 8"],
    ["too many columns", 3, "8,1,1993-01-01,credit,5,5,,,x", "9", "has 9 columns; expected 8"],
    ["no account", 2, ",1,1993-01-01,credit,100,100,,", "account", "expected 1 to 256 bytes"],
    [
      "account_seq is no number",
      2,
      "7,one,1993-01-01,credit,100,100,,",
      "account_seq",
      '"one"; expected a whole number',
    ],
    [
      "account_seq starts above 1",
      2,
      "7,2,1993-01-01,credit,100,100,,",
      "account_seq",
      "is 2; expected 1",
    ],
    [
      "account_seq leaves one out",
      4,
      "7,3,1993-01-02,debit,30,70,,",
      "account_seq",
      "is 3; expected 2, the next of account 7",
    ],
    [
      "account_seq comes twice",
      4,
      "7,1,1993-01-02,debit,30,70,,",
      "account_seq",
      "is 1; expected 2",
    ],
    ["a date that is none", 2, "7,1,1993-13-01,credit,100,100,,", "date", "expected YYYY-MM-DD"],
    [
      "an unknown direction",
      2,
      "7,1,1993-01-01,transfer,100,100,,",
      "direction",
      '"transfer"; expected credit or debit',
    ],
    [
      "an amount with a fraction",
      2,
      "7,1,1993-01-01,credit,10.5,100,,",
      "amount_tenths",
      '"10.5"; expected a whole number',
    ],
    [
      "an empty amount",
      2,
      "7,1,1993-01-01,credit,,100,,",
      "amount_tenths",
      '""; expected a whole number',
    ],
    ["a negative amount", 2, "7,1,1993-01-01,credit,-100,100,,", "amount_tenths", "of at least 0"],
    [
      "an amount beyond exact numbers",
      2,
      "7,1,1993-01-01,credit,9007199254740993,1,,",
      "amount_tenths",
      "expected a whole number",
    ],
    [
      "a balance that is no number",
      2,
      "7,1,1993-01-01,credit,100,1e2,,",
      "balance_tenths",
      '"1e2"; expected a whole number',
    ],
    [
      "a balance that cannot be",
      4,
      "7,2,1993-01-02,debit,30,130,,",
      "balance_tenths",
      "is 130; expected 70 (100 before, debit of 30)",
    ],
  ])("%s", (_, line, text, column, expected) => {
    const error = errorOf(withLine(line, text));
    expect(error).toMatchObject({ line, column });
    expect(error.message).toContain(`line ${line}, column ${column}: `);
    expect(error.message).toContain(expected);
  });

  test("a wrong header", () => {
    expect(errorOf(withLine(1, header.replace("date", "day")))).toMatchObject({
      line: 1,
      column: "date",
    });
    expect(errorOf(withLine(1, `${header},extra`))).toMatchObject({ line: 1 });
    expect(errorOf([""])).toMatchObject({ line: 1, column: "account" });
  });

  test("nothing but a header", () => {
    expect(errorOf([header]).message).toContain("expected at least one booking");
  });

  test("quotes that do not close", () => {
    expect(errorOf(withLine(3, '8,1,1993-01-01,credit,5,5,"VKLAD,')).message).toContain(
      "is not CSV",
    );
  });

  test("the line is counted as an editor counts it, blank lines and lines within quotes included", () => {
    const error = errorOf([
      header,
      "",
      '7,1,1993-01-01,credit,100,100,"two',
      'lines",',
      "7,2,1993-01-02,up,1,1,,",
    ]);
    expect(error).toMatchObject({ line: 5, column: "direction" });
  });
});

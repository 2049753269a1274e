import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { generateLedger } from "../../examples/ledger/generate.ts";
import { prove } from "../../examples/ledger/proof.ts";

describe("a made-up ledger", () => {
  test("is the same for the same seed, and another one for another", () => {
    const options = { messages: 500, accounts: 40, seed: 7 };
    expect(generateLedger(options)).toEqual(generateLedger(options));
    expect(generateLedger(options)).not.toEqual(generateLedger({ ...options, seed: 8 }));
  });

  test("does not change from release to release", () => {
    expect(generateLedger({ messages: 3, accounts: 2, seed: 1 })).toMatchInlineSnapshot(`
      [
        {
          "account": "1000",
          "accountSeq": 1,
          "amountTenths": 125415,
          "balanceTenths": 125415,
          "date": "2024-01-01",
          "direction": "credit",
          "operation": "CASH DEPOSIT",
          "symbol": "",
        },
        {
          "account": "1001",
          "accountSeq": 1,
          "amountTenths": 548,
          "balanceTenths": 548,
          "date": "2024-05-01",
          "direction": "credit",
          "operation": "CASH DEPOSIT",
          "symbol": "",
        },
        {
          "account": "1000",
          "accountSeq": 2,
          "amountTenths": 17628,
          "balanceTenths": 107787,
          "date": "2024-08-31",
          "direction": "debit",
          "operation": "CARD WITHDRAWAL",
          "symbol": "",
        },
      ]
    `);
  });

  test("has as many messages and accounts as were asked for, chains, and stays at or above zero", () => {
    const shape = fc
      .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 300 }), fc.nat())
      .map(([accounts, more, seed]) => ({ accounts, messages: accounts + more, seed }));
    fc.assert(
      fc.property(shape, (options) => {
        const rows = generateLedger(options);
        expect(rows).toHaveLength(options.messages);
        expect(new Set(rows.map((row) => row.account)).size).toBe(options.accounts);
        expect(rows.every((row) => row.balanceTenths >= 0 && row.amountTenths > 0)).toBe(true);
        const history = rows.map((row, index) => ({
          row,
          keySeq: row.accountSeq,
          fencingToken: index + 1,
        }));
        expect(prove(rows, history, 0).problems).toEqual([]);
        const dates = rows.map((row) => row.date);
        expect(dates).toEqual([...dates].sort());
      }),
    );
  });
});

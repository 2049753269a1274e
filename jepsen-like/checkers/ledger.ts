// The workload "ledger": the balances are the proof. Who adds up an account's amounts in the order in which they were acked finds the
// balance that each transaction carries.
//   L1. Body: "<process>-<n> <amount> <balance>"; the balance is that after it. Key: the account. The first of an account begins at 0.
//   L2. A transaction follows the one before it in its key: the one with the key_seq before its own. Which is known from what was
//       answered to its enqueue and from its deliveries; where the one before is known to nobody, nothing is said.
//   L3. In order of tokens, acked transactions have ascending key_seqs, each once; and none is left out between two of them, but those
//       that may have gone elsewhere: dead-lettered, discarded, or acked without an answer.
//   L4. A balance follows from the acked ones alone: last acked balance + amount = balance, unless one between was left out (L3).
//   Assumes: one producer per account at a time, that goes on from what was answered and leaves an account after an unknown outcome.

import { counted, Findings, skipped } from "./black-box/findings.ts";
import { grouped } from "./black-box/sweep.ts";
import {
  certain,
  keyOf,
  keySeqOf,
  possible,
  viewOf,
  type Message,
  type View,
} from "./black-box/view.ts";
import type { Check, DeclaredQueue } from "./contract.ts";

const name = "ledger";

export const ledger: Check = (evidence) => {
  const queues = evidence.queues.filter(({ workload }) => workload === "ledger");
  if (queues.length === 0) return skipped(name, "no queue of the workload ledger");
  const view = viewOf(evidence);
  const findings = new Findings(name);
  let [accounts, acked] = [0, 0];
  for (const queue of queues) {
    const byAccount = grouped(view.messages.get(queue.name)?.values() ?? [], keyOf);
    for (const [key, messages] of byAccount) {
      accounts += 1;
      const transactions = messages.flatMap((message) => transactionOf(message, findings));
      acked += transactions.filter(({ token }) => token !== undefined).length;
      new Account(view, queue, key, transactions, findings).check();
    }
  }
  return findings.verdict(
    `${counted(acked, "acked transaction")} of ${counted(accounts, "account")}`,
  );
};

interface Transaction {
  readonly message: Message;
  readonly keySeq: number;
  readonly amount: number;
  readonly balance: number;
  /** Of the lease that was acked; undefined: none certainly was. */
  readonly token: number | undefined;
}

function transactionOf(message: Message, findings: Findings): Transaction[] {
  const keySeq = keySeqOf(message);
  if (keySeq === undefined) return [];
  const [, amount, balance] = message.body.split(" ").map(Number);
  if (amount === undefined || balance === undefined || Number.isNaN(amount + balance)) {
    findings.add({
      what: `Not a transaction: ${JSON.stringify(message.body)} in queue ${message.queue}, key ${keyOf(message)}.`,
      ...{ queue: message.queue, key: keyOf(message) },
    });
    return [];
  }
  return [
    { message, keySeq, amount, balance, token: certain(message, "ack")?.settling.lease.token },
  ];
}

class Account {
  readonly #view: View;
  readonly #queue: DeclaredQueue;
  readonly #key: string;
  readonly #byKeySeq: ReadonlyMap<number, Transaction>;
  readonly #findings: Findings;

  constructor(
    view: View,
    queue: DeclaredQueue,
    key: string,
    transactions: readonly Transaction[],
    findings: Findings,
  ) {
    this.#view = view;
    this.#queue = queue;
    this.#key = key;
    this.#findings = findings;
    this.#byKeySeq = new Map(transactions.map((one) => [one.keySeq, one]));
    if (this.#byKeySeq.size < transactions.length)
      this.#find(
        `has ${transactions.length - this.#byKeySeq.size} key_seqs that are two transactions'`,
        [],
      );
  }

  check(): void {
    for (const one of this.#byKeySeq.values()) this.#follows(one);
    const acked = [...this.#byKeySeq.values()].filter(({ token }) => token !== undefined);
    acked.sort((a, b) => (a.token ?? 0) - (b.token ?? 0));
    let last = 0;
    let balance = 0;
    for (const one of acked) {
      if (one.keySeq <= last)
        this.#find(`acked key_seq ${one.keySeq} (${one.message.body}) after key_seq ${last}`, [
          one,
        ]);
      const missing = this.#missing(last, one.keySeq);
      if (missing !== undefined && !missing.excused)
        this.#find(
          `acked key_seq ${one.keySeq} (${one.message.body}) after ${last}, and never key_seq ${missing.keySeq} (${missing.body})`,
          [one],
        );
      if (missing === undefined && balance + one.amount !== one.balance)
        this.#find(
          `has, by what was acked, ${balance + one.amount} after ${one.message.body}, which says ${one.balance}`,
          [one],
        );
      last = Math.max(last, one.keySeq);
      balance = one.balance;
    }
  }

  /** L2 */
  #follows(one: Transaction): void {
    const before = this.#byKeySeq.get(one.keySeq - 1);
    if (before === undefined && one.keySeq !== 1) return;
    const balance = before?.balance ?? 0;
    if (balance + one.amount === one.balance) return;
    this.#find(
      `had ${balance} before key_seq ${one.keySeq} (${one.message.body}), and has ${one.balance} after it`,
      [one],
    );
  }

  /** Of those between two one of which nobody knows that it was acked; excused: it may have been, or have gone elsewhere (L3). */
  #missing(
    after: number,
    before: number,
  ): { keySeq: number; body: string; excused: boolean } | undefined {
    let found: { keySeq: number; body: string; excused: boolean } | undefined;
    for (let keySeq = after + 1; keySeq < before && found?.excused !== false; keySeq++) {
      const one = this.#byKeySeq.get(keySeq);
      if (one?.token !== undefined) continue;
      const mayHaveBeenAcked = one !== undefined && possible(one.message, "ack");
      const excused = mayHaveBeenAcked || this.#queue.onExhausted !== "PARK";
      found = { keySeq, body: one?.message.body ?? "which nobody knows", excused };
    }
    return found;
  }

  #find(what: string, about: readonly Transaction[]): void {
    const times = about.flatMap(({ message }) => message.deliveries.map(({ time }) => time));
    const at = times[0] === undefined ? "" : ` (delivered at ${this.#view.at(times[0])})`;
    this.#findings.add({
      what: `Account ${this.#key} of queue ${this.#queue.name} ${what}${at}.`,
      ...{ queue: this.#queue.name, key: this.#key, times },
    });
  }
}

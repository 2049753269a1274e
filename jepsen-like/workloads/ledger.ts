// Ordered ledger: accounts are keys, and every message says what the balance is after it. Whoever adds up the amounts of an account
// in the order in which they were acked, and finds another balance, has found a loss, a double, or a message out of its turn.
//
//   G1. Body: "<process>-<n> <amount> <balance>", whole numbers; the first balance of an account is its first amount.
//   G2. An account belongs to one life of one process, which awaits each answer before it goes on with that account.
//   G3. After an answer that never came the account is left for ever: the last transaction is there or not, and all before it are
//       right. A transaction that was certainly refused is left out.

import { every, stream } from "./pacing.ts";
import { queueNamed, type Stage, type Workload } from "./workload.ts";

const name = "ledger";
const accountsPerProcess = 8;
const amountMax = 100;
const batchChance = 0.1;
const batchMax = 4;
const credit = 20;
/** Linearizable reads of the counters, in between: of each process. */
const looksPerSecond = 2;

export const ledger: Workload = {
  name,
  what: "transactions of many accounts, in order; the balances are the proof",
  queues: [queueNamed(name, { workload: name })],
  share: 5,
  callsPerStep: 2.4,
  roles: [
    { name: "teller", runsIn: "all", produces: true, run: tell },
    { name: "bookkeeper", runsIn: "all", produces: false, run: keepBooks },
    { name: "auditor", runsIn: "all", produces: false, run: look },
  ],
};

interface Account {
  readonly key: string;
  balance: number;
}

async function tell({ calls, random, rate, ends }: Stage): Promise<void> {
  let opened = 0;
  const open = (): Account => ({ key: `${calls.process}/${++opened}`, balance: 0 });
  const free = Array.from({ length: accountsPerProcess }, open);
  await every(rate, ends, async () => {
    const [account] = free.splice(random.between(0, free.length - 1), 1);
    if (account === undefined) return;
    free.push((await transact(calls, random, account)) ? account : open());
  });
}

/** False: nobody knows whether it happened (G3). */
async function transact(
  calls: Stage["calls"],
  random: Stage["random"],
  account: Account,
): Promise<boolean> {
  let balance = account.balance;
  const messages = Array.from({ length: random.chance(batchChance) ? batchMax : 1 }, () => {
    const amount = random.between(-amountMax, amountMax);
    balance += amount;
    return { key: account.key, body: `${calls.newBody()} ${amount} ${balance}` };
  });
  const [only] = messages;
  const outcome =
    messages.length === 1 && only !== undefined
      ? await calls.enqueue(name, only)
      : await calls.enqueueBatch(name, messages);
  if (outcome.type === "ok") account.balance = balance;
  return outcome.type !== "unknown";
}

async function keepBooks({ calls, ends }: Stage): Promise<void> {
  await stream(calls, name, credit, ends, (held) => calls.settle("ack", held));
}

/**
 * A read that waits must not hold up the next: what a leader that was forgotten says is wrong only when it was asked after others
 * had answers from its successor. So they are made in all processes: some know it by then, and some do not.
 */
async function look({ calls, ends }: Stage): Promise<void> {
  await every(looksPerSecond, ends, () => calls.getQueue(name));
}

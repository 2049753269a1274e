// Balances, kept by the messages of a queue. What is to be tested is that no booking is lost or made twice, whatever happens.

import type { Handling } from "raftq";

export interface Booking {
  readonly amount: number;
}

/** A database: each call takes a while, and a balance is stored together with the booking that led to it. */
export interface Balances {
  read(account: string): Promise<{ readonly balance: number; readonly lastBooking: number }>;
  write(account: string, balance: number, lastBooking: number): Promise<void>;
}

/** A handler for `queue.consume`. The key of a message is its account. */
export function bookInto(balances: Balances) {
  return async ({ message, value }: Handling<Booking>): Promise<void> => {
    const { balance, lastBooking } = await balances.read(message.key);
    // It was booked, and its acknowledgement was lost: within its key a message has its number for ever.
    if (message.keySeq <= lastBooking) return;
    await balances.write(message.key, balance + value.amount, message.keySeq);
  };
}

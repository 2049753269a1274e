// The proof: what was placed, what each subscriber saw, and nothing of the queue. For every account and subscriber:
//
//   A1. Every order was seen, none twice, none that was not placed.
//   A2. They were seen in the order in which they were placed.
//   A3. Payment's key_seq has no gap, and its fencing tokens grow.

export interface Order {
  readonly account: string;
  /** 1, 2, 3 … in its account. */
  readonly number: number;
  readonly article: string;
  readonly pieces: number;
}

export interface Booked {
  readonly order: Order;
  readonly keySeq: number;
  readonly fencingToken: number;
}

/** In words; empty: everything holds. */
export function problemsOf(
  placed: readonly Order[],
  seenByInventory: readonly Order[],
  booked: readonly Booked[],
): string[] {
  const wanted = numbersByAccount(placed);
  return [
    ...differences("inventory", wanted, numbersByAccount(seenByInventory)),
    ...differences("payment", wanted, numbersByAccount(booked.map(({ order }) => order))),
    ...brokenNumbers(booked),
  ];
}

function numbersByAccount(orders: readonly Order[]): Map<string, string> {
  const numbers = new Map<string, number[]>();
  for (const { account, number } of orders) {
    const own = numbers.get(account);
    if (own === undefined) numbers.set(account, [number]);
    else own.push(number);
  }
  return new Map([...numbers].map(([account, own]) => [account, own.join(" ")]));
}

/** A1 and A2 at once: the sequences are equal. */
function differences(
  who: string,
  wanted: ReadonlyMap<string, string>,
  seen: ReadonlyMap<string, string>,
): string[] {
  const accounts = new Set([...wanted.keys(), ...seen.keys()]);
  return [...accounts]
    .filter((account) => wanted.get(account) !== seen.get(account))
    .map(
      (account) =>
        `${who}, ${account}: saw ${seen.get(account) ?? "nothing"}; placed were ${wanted.get(account) ?? "none"}`,
    );
}

/** A3 */
function brokenNumbers(booked: readonly Booked[]): string[] {
  const last = new Map<string, Booked>();
  const problems: string[] = [];
  for (const booking of booked) {
    const { account } = booking.order;
    const before = last.get(account);
    if (before !== undefined && booking.keySeq !== before.keySeq + 1) {
      problems.push(`payment, ${account}: key_seq ${booking.keySeq} after ${before.keySeq}`);
    }
    if (before !== undefined && booking.fencingToken <= before.fencingToken) {
      problems.push(
        `payment, ${account}: token ${booking.fencingToken} after ${before.fencingToken}`,
      );
    }
    last.set(account, booking);
  }
  return problems;
}

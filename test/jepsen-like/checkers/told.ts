// Histories by hand. Times are in milliseconds from 0; queue "q" is ordered by key, "dlq" gets its dead letters.

import { check } from "../../../jepsen-like/checkers/index.ts";
import type {
  Call,
  DeclaredQueue,
  Evidence,
  Verdict,
} from "../../../jepsen-like/checkers/contract.ts";
import type { Asked, Delivered, Lease, Noted, Told } from "../../../jepsen-like/history/record.ts";

const ms = 1_000;

export type Line =
  { readonly call: Call } | { readonly delivered: Delivered } | { readonly note: Noted };

/** `ret` undefined: it was never answered. */
export function call(
  process: string,
  inv: number,
  ret: number | undefined,
  asked: Asked,
  told?: Told,
  type: "ok" | "fail" | "unknown" = "ok",
): Line {
  const op = inv;
  return {
    call: {
      asked: { type: "invoke", process, op, time: inv * ms, ...asked },
      ...(ret === undefined
        ? {}
        : { told: { type, process, op, time: ret * ms, ...(told === undefined ? {} : { told }) } }),
    },
  };
}

export interface Message {
  readonly queue: string;
  readonly key: string;
  readonly body: string;
  readonly keySeq: number;
  readonly seq: number;
}

/** The n-th message of key k, and of queue q. */
export function message(n: number, more: Partial<Message> = {}): Message {
  return { queue: "q", key: "k", body: `p-${n}`, keySeq: n, seq: n, ...more };
}

export function enqueue(
  { queue, key, body, keySeq, seq }: Message,
  inv: number,
  ret: number | undefined,
  more: { type?: "ok" | "fail" | "unknown"; deduplicated?: boolean; logIndex?: number } = {},
): Line {
  const { type = "ok", deduplicated = false, logIndex = inv } = more;
  const told = { placed: [{ body, seq, keySeq, logIndex, deduplicated }] };
  const asked = { f: "enqueue", queue, key, body } as const;
  return call("p", inv, ret, asked, type === "ok" ? told : undefined, type);
}

export function lease({ queue, key, keySeq, body }: Message, token: number): Lease {
  return { queue, key, keySeq, body, token };
}

export function delivered(
  one: Message,
  token: number,
  time: number,
  more: Partial<Delivered> = {},
): Line {
  const rest = { deliveries: 1, attempts: 0, redelivery: "", leaseEnds: (time + 400) * ms };
  const head = { type: "delivered", process: "c", time: time * ms, seq: one.seq } as const;
  return { delivered: { ...head, ...lease(one, token), ...rest, ...more } };
}

export function settle(
  f: "ack" | "nack" | "reject" | "release",
  one: Message,
  token: number,
  inv: number,
  ret: number | undefined,
  more: { type?: "ok" | "fail" | "unknown"; already?: boolean; process?: string } = {},
): Line {
  const { type = "ok", already = false, process = "c" } = more;
  const told = type === "ok" ? { already, logIndex: inv } : undefined;
  return call(process, inv, ret, { f, ...lease(one, token) }, told, type);
}

/** The receive that brings what is delivered with its `op`, which is `inv`. */
export function receive(queue: string, received: number, inv: number, ret: number): Line {
  return call("c", inv, ret, { f: "receive", queue, max: 10 }, { received });
}

export function browse(queue: string, inv: number, ...there: Message[]): Line {
  const state = "READY";
  return call(
    "end",
    inv,
    inv + 1,
    { f: "browse", queue },
    {
      there: there.map(({ key, keySeq, body }) => ({ key, keySeq, body, state })),
    },
  );
}

export function counters(queue: string, inv: number, counted: Record<string, number>): Line {
  return call("end", inv, inv + 1, { f: "get-queue", queue }, { counters: counted });
}

export function note(
  process: string,
  time: number,
  what: Noted["what"],
  detail?: Noted["detail"],
): Line {
  const one = { type: "note", process, time: time * ms, what } as const;
  return { note: detail === undefined ? one : { ...one, detail } };
}

const plain = { ordering: "KEY", leaseMs: 400, maxAttempts: 5, workload: "mixed" } as const;
const queues: readonly DeclaredQueue[] = [
  { ...plain, name: "q", onExhausted: "PARK", deadLetterQueue: "" },
  { ...plain, name: "dying", onExhausted: "DEAD_LETTER", deadLetterQueue: "dlq" },
  { ...plain, name: "dlq", onExhausted: "PARK", deadLetterQueue: "" },
  { ...plain, name: "bag", ordering: "NONE", onExhausted: "PARK", deadLetterQueue: "" },
  {
    ...{ ...plain, name: "fifo", onExhausted: "PARK", deadLetterQueue: "" },
    ...{ ordering: "TOTAL", workload: "fifo" },
  },
  { ...plain, name: "ledger", onExhausted: "PARK", deadLetterQueue: "", workload: "ledger" },
];

export function evidence(lines: readonly Line[], more: Partial<Evidence> = {}): Evidence {
  const calls = lines.flatMap((line) => ("call" in line ? line.call : []));
  return {
    queues,
    history: {
      calls: calls.toSorted((a, b) => a.asked.time - b.asked.time),
      delivered: lines
        .flatMap((line) => ("delivered" in line ? line.delivered : []))
        .toSorted((a, b) => a.time - b.time),
      notes: lines.flatMap((line) => ("note" in line ? line.note : [])),
    },
    logs: [],
    digests: [1, 2].map((nodeId) => ({ nodeId, appliedIndex: 9, digest: "d" })),
    barrier: 9,
    ...more,
  };
}

/** The verdict of the check of which the name begins so. */
export function verdictOf(name: string, of: Evidence): Verdict {
  const found = check(of).find(
    (verdict) => verdict.check.startsWith(`${name} `) || verdict.check === name,
  );
  if (found === undefined) throw new Error(`no check ${name}`);
  return found;
}

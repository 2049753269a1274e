// Which bugs show from outside, and in what kind of trouble. Those that are missing show only to who looks inside: they cost
// progress or memory, need an order of events that no real cluster is brought into on purpose, or a product that stops itself.

/** What a real cluster of three is put through (`npm run jepsen`). */
export interface Trouble {
  readonly nemesis: string;
  /** Names by commas, or "all". */
  readonly workloads: string;
  /** Calls per second. */
  readonly rate: number;
  readonly seconds: number;
}

const troubleNamed = {
  /** Nothing but workers that are killed and hang. */
  calm: { nemesis: "none", workloads: "mixed,fencing,retries", rate: 150, seconds: 20 },
  /** The same, where leases are ended in every way: what is rare there must come often. */
  letters: { nemesis: "none", workloads: "mixed", rate: 200, seconds: 25 },
  /** Servers that end and come back: what is on their disks must be what they promised. */
  kills: { nemesis: "kill-leader,kill-all,hunt-leaders", workloads: "all", rate: 200, seconds: 40 },
  /** Leaders that others have forgotten: they still have clients, or wake up and think that they lead. */
  cuts: {
    nemesis: "isolate-leader,leader-in-minority,pause-leader,isolate",
    workloads: "all",
    rate: 200,
    seconds: 40,
  },
  /** A leader that stands still, and answers when it wakes what it was asked meanwhile. */
  sleepers: { nemesis: "pause-leader", workloads: "ledger,fifo", rate: 200, seconds: 40 },
  /** A node that was away comes back when the leader is gone. */
  away: { nemesis: "isolate,kill-leader", workloads: "ledger,fifo", rate: 200, seconds: 60 },
  /** Elections in which nobody hears anybody soon. */
  slow: { nemesis: "delay,kill-all,kill-leader", workloads: "ledger,fifo", rate: 150, seconds: 60 },
  /** What was not synced is gone. Needs root. */
  power: {
    nemesis: "power-loss-all,power-loss-majority",
    workloads: "ledger,fifo,total-queue",
    rate: 200,
    seconds: 50,
  },
  /** The leader alone loses power, and with it what it had told one of the others; who comes back knew nothing of it. Needs root. */
  blackout: {
    nemesis: "power-loss-paused",
    workloads: "ledger,fifo,total-queue",
    rate: 200,
    seconds: 50,
  },
  /** Disks that are lost, damaged, and replaced. */
  disks: {
    nemesis: "wipe,replace,flip-log,cut-log,lose-file",
    workloads: "all",
    rate: 200,
    seconds: 40,
  },
  /** Syncs that fail. Needs root and strace. */
  syncs: {
    nemesis: "fsync-error,fsync-error-once",
    workloads: "ledger,fifo,total-queue",
    rate: 150,
    seconds: 30,
  },
} as const satisfies Readonly<Record<string, Trouble>>;

export type TroubleName = keyof typeof troubleNamed;

export const troubles: Readonly<Record<TroubleName, Trouble>> = troubleNamed;

/** Names of the mutants of catalogue/, by the trouble that they are tried in. */
export const outside: Readonly<Record<TroubleName, readonly string[]>> = {
  calm: [
    "two-in-flight-per-key",
    "redelivery-behind-what-waits",
    "key-goes-on-beside-a-message-that-backs-off",
    "old-token-accepted",
    "settled-after-the-lease",
    "tokens-used-twice",
  ],
  letters: [
    "dead-letter-never-written",
    "dead-letter-only-copied",
    "nack-without-an-attempt",
    "release-costs-an-attempt",
  ],
  kills: [
    "retry-executed-again",
    "batch-forgotten-while-it-is-written",
    "row-of-a-settled-message-stays",
    "hard-state-in-one-slot",
    "wall-clock-in-apply",
  ],
  cuts: [
    "quorum-of-half",
    "conflict-not-truncated",
    "no-consistency-check",
    "answers-to-another-leaders-entry",
    "expired-session-executes",
    "commit-not-bounded-by-the-match",
  ],
  sleepers: ["read-without-a-heartbeat-round"],
  away: ["up-to-date-by-term"],
  slow: ["votes-for-everybody"],
  power: [
    "no-fsync-of-entries",
    "append-acknowledged-before-persist",
    "messages-after-persist-sent-at-once",
    "compacted-before-the-store-is-flushed",
  ],
  blackout: ["leader-counts-itself-before-its-fsync"],
  disks: [
    "snapshot-without-sessions",
    "wiped-node-accepted-under-its-old-id",
    "payload-checksum-not-looked-at",
    "identity-lost-and-made-anew",
  ],
  syncs: ["goes-on-after-a-failed-fsync", "acknowledges-after-a-failure"],
};

export interface Chosen {
  readonly trouble: TroubleName;
  readonly name: string;
}

/** `only`: names of mutants or of troubles, by commas; undefined: all. @throws for a word that means neither. */
export function chosenOutside(only?: string): readonly Chosen[] {
  const all = (Object.keys(outside) as TroubleName[]).flatMap((trouble) =>
    outside[trouble].map((name) => ({ trouble, name })),
  );
  if (only === undefined) return all;
  return only.split(",").flatMap((word) => {
    const meant = all.filter(({ trouble, name }) => name === word || trouble === word);
    if (meant.length === 0) throw new Error(`no mutant is tried from outside as ${word}`);
    return meant;
  });
}

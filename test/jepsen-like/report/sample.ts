// Runs that never were, for the page: a good one, a bad one, one that is too thin, one in which nothing happened.

import type { Call, Verdict } from "../../../jepsen-like/checkers/contract.ts";
import type { Asked, Completed, Delivered, Noted } from "../../../jepsen-like/history/record.ts";
import type { Fault, Injected } from "../../../jepsen-like/nemesis/fault.ts";
import { randomFrom, type Random } from "../../../jepsen-like/nemesis/random.ts";
import type { LeaderChange, RunData } from "../../../jepsen-like/report/index.ts";

export interface SampleOptions {
  readonly seed?: string;
  /** Default 150. */
  readonly seconds?: number;
  /** Of new messages, per second. Default 60. */
  readonly rate?: number;
  /** Default 3. */
  readonly nodes?: number;
}

const second = 1_000_000;
/** The monotonic clock of a host that has been up for a while. */
const zero = 7_812_345_678;

const catalogue: readonly Pick<Fault, "name" | "what" | "kind">[] = [
  {
    name: "kill-leader",
    kind: "process",
    what: "kill -9 of the leader; started again a little later.",
  },
  {
    name: "pause-leader",
    kind: "process",
    what: "SIGSTOP of the leader for one to three election times.",
  },
  {
    name: "restart-all",
    kind: "process",
    what: "kill -9 of all nodes at once; all are started again.",
  },
  { name: "isolate-one", kind: "network", what: "One node reaches nobody, and nobody reaches it." },
  {
    name: "one-way",
    kind: "network",
    what: "What one node sends reaches nobody; it hears the others.",
  },
  {
    name: "flapping",
    kind: "network",
    what: "The links of one node come and go every 50 to 200 ms.",
  },
  { name: "fsync-delay", kind: "disk", what: "Each fsync of one node takes 200 ms longer." },
  {
    name: "clock-jump",
    kind: "clock",
    what: "The clock of one node jumps by an hour, forth or back.",
  },
  {
    name: "replace-member",
    kind: "membership",
    what: "A member is removed, and a new one takes its place.",
  },
  { name: "power-loss", kind: "disk", what: "Unsynced bytes of one node are gone." },
];

interface Outage {
  readonly from: number;
  readonly to: number;
}

interface Weather {
  readonly injected: Injected[];
  readonly leaders: LeaderChange[];
  readonly outages: Outage[];
}

function weatherOf(random: Random, seconds: number, nodes: number): Weather {
  let leader = random.between(1, nodes);
  let term = 1;
  const end = zero + seconds * second;
  const weather: Weather = {
    injected: [],
    leaders: [{ time: zero + 800_000, term, nodeId: leader }],
    outages: [],
  };
  const drawn = catalogue.filter(({ name }) => name !== "power-loss");
  for (
    let time = zero + 6 * second;
    time < end - 12 * second;
    time += random.between(5, 9) * second
  ) {
    const { name, kind } = random.pick(drawn);
    const all = name === "restart-all";
    const hitsLeader = all || name.endsWith("leader") || random.chance(0.3);
    const target = hitsLeader ? leader : random.between(1, nodes);
    const targets = all ? Array.from({ length: nodes }, (_, at) => at + 1) : [target];
    const ms = random.between(900, 4_500);
    const observed = random.chance(0.93)
      ? kind === "network"
        ? `${random.between(40, 900)} pieces were held back`
        : `process ${random.between(2_000, 9_000)} was gone, ${random.between(2_000, 9_000)} answers`
      : undefined;
    weather.injected.push({
      fault: name,
      what: `${name} of node ${targets.join(", ")}, for ${(ms / 1_000).toFixed(1)} s`,
      targets,
      from: time,
      to: time + ms * 1_000,
      ...(observed === undefined ? {} : { observed }),
    });
    if (!hitsLeader || kind === "clock") continue;
    const gap = random.between(all ? 2_400 : 700, all ? 4_500 : 2_100) * 1_000;
    leader = all ? leader : (leader % nodes) + 1;
    term += random.between(1, 3);
    weather.outages.push({ from: time, to: time + gap });
    weather.leaders.push({ time: time + gap - 150_000, term, nodeId: leader });
  }
  return weather;
}

/** Collects calls; when the cluster is out, they wait, and some never learn what became of them. */
class Recorder {
  readonly calls: Call[] = [];
  readonly delivered: Delivered[] = [];
  readonly notes: Noted[] = [];
  readonly #random: Random;
  readonly #outages: readonly Outage[];
  readonly #ops = new Map<string, number>();
  #logIndex = 10;

  constructor(random: Random, outages: readonly Outage[]) {
    this.#random = random;
    this.#outages = outages;
  }

  call(
    process: string,
    time: number,
    asked: Asked,
    placed?: { key: string; body: string; keySeq: number },
  ): Completed | undefined {
    const op = (this.#ops.get(process) ?? 0) + 1;
    this.#ops.set(process, op);
    const out = this.#outages.find(({ from, to }) => time < to && time >= from - 4_000);
    const usual = Math.round(1_800 * Math.exp(2.2 * this.#random.next() ** 3));
    const rare = this.#random.chance(0.002);
    const answer =
      out === undefined ? time + usual : out.to + this.#random.between(0, 90_000) + usual;
    const type = out !== undefined && this.#random.chance(0.5) ? "unknown" : rare ? "fail" : "ok";
    this.#logIndex += 1;
    const told: Completed = {
      type,
      process,
      op,
      time: type === "unknown" ? Math.min(answer, time + 1_000_000) : answer,
      ...(type === "ok"
        ? {
            told: {
              logIndex: this.#logIndex,
              ...(placed === undefined
                ? {}
                : {
                    placed: [
                      {
                        ...placed,
                        seq: this.#logIndex,
                        logIndex: this.#logIndex,
                        deduplicated: false,
                      },
                    ],
                  }),
            },
          }
        : {}),
      ...(type === "unknown" ? { reason: "NO_LEADER", message: "no answer within 1000 ms" } : {}),
      ...(type === "fail" ? { reason: "NOT_LEADER", message: "node 2 leads since term 7" } : {}),
    };
    const silent = type === "unknown" && this.#random.chance(0.2);
    this.calls.push({
      asked: { type: "invoke", process, op, time, ...asked },
      ...(silent ? {} : { told }),
    });
    return silent ? undefined : told;
  }
}

function historyOf(random: Random, weather: Weather, seconds: number, rate: number): Recorder {
  const recorder = new Recorder(random.fork("calls"), weather.outages);
  const keys = Array.from({ length: 40 }, (_, at) => `account-${at}`);
  const freeAt = new Map<string, number>();
  const seqs = new Map<string, number>();
  let number = 0;
  for (
    let time = zero + second;
    time < zero + seconds * second;
    time += Math.round((second / rate) * (0.2 + 1.6 * random.next()))
  ) {
    number += 1;
    const producer = `w${random.between(1, 4)}`;
    const key = random.pick(keys);
    const body = `${producer}-${number}`;
    const keySeq = (seqs.get(key) ?? 0) + 1;
    const told = recorder.call(
      producer,
      time,
      { f: "enqueue", queue: "ledger", key, body },
      { key, body, keySeq },
    );
    if (told?.type !== "ok") continue;
    seqs.set(key, keySeq);
    const consumer = `c${random.between(1, 4)}`;
    const from = Math.max(told.time, freeAt.get(key) ?? 0) + random.between(500, 3_000);
    const lease = { queue: "ledger", key, keySeq, token: keySeq, body };
    recorder.delivered.push({
      type: "delivered",
      process: consumer,
      time: from,
      ...lease,
      seq: keySeq,
      deliveries: 1,
      attempts: 0,
      redelivery: "",
      leaseEnds: from + 5 * second,
    });
    const done = recorder.call(consumer, from + random.between(1_000, 20_000), {
      f: "ack",
      ...lease,
    });
    freeAt.set(key, done?.time ?? from + second);
    if (number % 40 === 0) recorder.call("c5", time, { f: "receive", queue: "plain", max: 10 });
    if (number % 200 === 0) recorder.call("w5", time, { f: "get-queue", queue: "ledger" });
    if (number % 3_000 === 0)
      recorder.notes.push({
        type: "note",
        process: consumer,
        time,
        what: "attached",
        detail: { node: 2 },
      });
  }
  return recorder;
}

const holding: readonly (readonly [string, string])[] = [
  ["witness order", "9,204 answers against 9,381 entries of 3 logs"],
  ["digests", "3 nodes at one applied index"],
  ["Q1 no loss", "8,913 acknowledged messages, each delivered or still there"],
  ["Q2 no invention", "9,120 deliveries, each of a message that was enqueued"],
  ["Q3 FIFO per key", "9,120 deliveries of 40 keys"],
  ["Q4 one holder", "9,120 leases, no two of a key at one time"],
  ["Q5 tokens rise", "9,120 tokens of 40 keys"],
  ["Q6 exactly once inside", "8,913 acks"],
  ["Q7 key_seq is dense", "40 keys"],
  ["Q8 no redelivery by failover", "7 changes of leader"],
  ["plain FIFO, exact", "1,204 calls of one queue"],
];

const holds = ([check, looked]: readonly [string, string]): Verdict => ({
  check,
  looked,
  result: "holds",
  findings: [],
});

export function goodRun({
  seed = "11",
  seconds = 150,
  rate = 60,
  nodes = 3,
}: SampleOptions = {}): RunData {
  const random = randomFrom(seed);
  const weather = weatherOf(random.fork("weather"), seconds, nodes);
  const { calls, delivered, notes } = historyOf(random.fork("history"), weather, seconds, rate);
  return {
    facts: {
      seed,
      version: "0.1.0",
      nodes,
      minutes: seconds / 60,
      command: `npm run jepsen -- --nodes ${nodes} --minutes ${seconds / 60} --seed ${seed} --nemesis all`,
      date: "2026-11-21T15:30:00Z",
      host: [
        { name: "Kernel", value: "Linux 6.18" },
        { name: "Cores", value: "2" },
        { name: "Memory", value: "8 GB" },
        { name: "Node.js", value: "v20.20.2" },
        { name: "Network", value: "proxies" },
      ],
    },
    overall: {
      result: "PASS",
      reasons: [
        "All checks that apply hold.",
        "Conclusive: each kind of fault was observed, the queues were drained.",
      ],
    },
    catalogue,
    injected: weather.injected,
    skipped: [{ fault: "power-loss", why: "no loop device: mount needs root" }],
    leaders: weather.leaders,
    history: { calls, delivered, notes },
    verdicts: [
      ...holding.map(holds),
      {
        check: "register",
        result: "skipped",
        looked: "nothing",
        why: "No workload of this run uses registers.",
        findings: [],
      },
    ],
    deaths: [],
    digests: Array.from({ length: nodes }, (_, at) => ({
      nodeId: at + 1,
      appliedIndex: 9_381,
      digest: "a3f1c20b77d94e15",
    })),
  };
}

/** A message that was acknowledged is overtaken, delivered to two at once, and one is lost. */
export function badRun(options: SampleOptions = {}): RunData {
  const good = goodRun({ seed: "13", ...options });
  const { calls, delivered } = good.history;
  const victim = delivered[Math.floor(delivered.length / 2)]!;
  const { key } = victim;
  const ofKey = delivered.filter((delivery) => delivery.key === key);
  const at = ofKey.indexOf(victim);
  const [previous, next] = [ofKey[at - 1]!, ofKey[at + 1]!];
  const again: Delivered = {
    ...victim,
    process: "c9",
    time: victim.time + 400_000,
    token: victim.token,
    deliveries: 2,
    redelivery: "lease expired",
  };
  const early: Delivered = { ...next, process: "c7", time: victim.time - 60_000 };
  const refused: Call = {
    asked: {
      type: "invoke",
      process: "c9",
      op: 1,
      time: victim.time + 480_000,
      f: "ack",
      queue: "ledger",
      key,
      keySeq: victim.keySeq,
      token: again.token,
      body: victim.body,
    },
    told: {
      type: "fail",
      process: "c9",
      op: 1,
      time: victim.time + 483_000,
      reason: "STALE_LEASE",
      message: "the lease is another's",
    },
  };
  const unanswered: Call = {
    asked: {
      type: "invoke",
      process: "c7",
      op: 1,
      time: early.time + 9_000,
      f: "nack",
      queue: "ledger",
      key,
      keySeq: next.keySeq,
      token: next.token,
      body: next.body,
    },
  };
  const lost = delivered.find((delivery) => delivery.key !== key && delivery.time > victim.time)!;
  const violated: Verdict[] = [
    {
      check: "Q3 FIFO per key",
      result: "violated",
      looked: "9,121 deliveries of 40 keys",
      findings: [
        {
          what: `${next.body} was delivered to c7 while ${victim.body}, which stands before it, was not settled.`,
          queue: "ledger",
          key,
          times: [early.time, victim.time],
        },
      ],
    },
    {
      check: "Q4 one holder",
      result: "violated",
      looked: "9,121 leases",
      findings: [
        {
          what: `${victim.body} was held by ${victim.process} and by c9 under one token, ${victim.token}.`,
          queue: "ledger",
          key,
          times: [again.time],
        },
        ...Array.from({ length: 7 }, (_, nr) => ({
          what: `Another one, number ${nr}, of which too many are named to be shown at once.`,
        })),
      ],
    },
    {
      check: "Q1 no loss",
      result: "violated",
      looked: "8,913 acknowledged messages",
      findings: [
        {
          what: `${lost.body} was acknowledged, and neither delivered nor there in the end.`,
          queue: "ledger",
          key: lost.key,
        },
      ],
    },
    {
      check: "digests",
      result: "inconclusive",
      looked: "2 of 3 nodes",
      why: "Node 3 did not answer at the barrier.",
      findings: [],
    },
  ];
  const names = new Set(violated.map(({ check }) => check));
  return {
    ...good,
    overall: {
      result: "FAIL",
      reasons: [
        "3 checks are violated: Q3 FIFO per key, Q4 one holder, Q1 no loss.",
        "1 is inconclusive: digests.",
        "Node 3 ended by itself, once.",
      ],
    },
    history: {
      ...good.history,
      calls: [...calls, refused, unanswered].toSorted((a, b) => a.asked.time - b.asked.time),
      delivered: [...delivered.filter((delivery) => delivery !== lost), again, early].toSorted(
        (a, b) => a.time - b.time,
      ),
      notes: [
        ...good.history.notes,
        {
          type: "note",
          process: previous.process,
          time: victim.time + 100_000,
          what: "lease-lost",
          detail: { key },
        },
      ],
    },
    verdicts: [...holding.filter(([check]) => !names.has(check)).map(holds), ...violated],
    deaths: [
      {
        nodeId: 3,
        time: victim.time + 5 * second,
        code: 70,
        signal: null,
        lastLines: ['{"level":"fatal","msg":"digest mismatch at 9,381"}', "exit 70"],
      },
    ],
    digests: good.digests.map((digest) =>
      digest.nodeId === 3 ? { ...digest, digest: "77d1e0c2b4a90f3e" } : digest,
    ),
  };
}

export function thinRun(): RunData {
  return {
    ...goodRun({ seed: "17", seconds: 20, rate: 5 }),
    overall: {
      result: "INCONCLUSIVE",
      reasons: [
        "1 change of leader, of 5 that the faults asked for.",
        "41 % of the calls succeeded; 50 % are needed.",
      ],
    },
  };
}

export function emptyRun(): RunData {
  return {
    ...goodRun({ seconds: 13, rate: 1 }),
    overall: { result: "INCONCLUSIVE", reasons: ["Nothing was asked."] },
    injected: [],
    skipped: [],
    leaders: [],
    history: { calls: [], delivered: [], notes: [] },
    verdicts: [],
    digests: [],
  };
}

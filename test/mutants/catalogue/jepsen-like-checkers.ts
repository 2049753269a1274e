// Bugs in the checks of a run (jepsen-like/checkers/): Q1 to Q14, the exact FIFO, the ledger. Traps by the numbers at the top of each file.

import type { Mutant } from "../mutant.ts";

const checkersView = "jepsen-like/checkers/black-box/view.ts";
const checkersLoss = "jepsen-like/checkers/black-box/loss.ts";
const checkersSettledOnce = "jepsen-like/checkers/black-box/settled-once.ts";
const checkersLeases = "jepsen-like/checkers/black-box/leases.ts";
const checkersSweep = "jepsen-like/checkers/black-box/sweep.ts";
const checkersOrder = "jepsen-like/checkers/black-box/order.ts";
const checkersEmpty = "jepsen-like/checkers/black-box/empty.ts";
const checkersNumbers = "jepsen-like/checkers/black-box/numbers.ts";
const checkersConservation = "jepsen-like/checkers/black-box/conservation.ts";
const checkersReplicas = "jepsen-like/checkers/black-box/replicas.ts";
const checkersFifo = "jepsen-like/checkers/fifo.ts";
const checkersLedger = "jepsen-like/checkers/ledger.ts";
const checkersIndex = "jepsen-like/checkers/index.ts";

export const checkersMutants: readonly Mutant[] = [
  {
    ...{ name: "checkers-q1-a-failed-ack-counts", trap: "Q1", file: checkersView },
    find: 'return message.settlings.some((one) => one.f === f && one.effect.outcome !== "fail");',
    replace: "return message.settlings.some((one) => one.f === f);",
  },
  {
    ...{ name: "checkers-q1-dead-letters-are-not-looked-for", trap: "Q1", file: checkersLoss },
    find: 'return last === undefined || since === undefined || last.inv < since ? "untold" : "lost";',
    replace: 'return "settled";',
  },
  {
    ...{ name: "checkers-q1-batches-are-torn", trap: "V3", file: checkersView },
    find: `  only.effect.outcome = "ok";
`,
    replace: `  if (attempts.length > 9) only.effect.outcome = "ok";
`,
  },
  {
    ...{ name: "checkers-q1-an-early-look-is-enough", trap: "Q1", file: checkersLoss },
    find: 'if (last === undefined || last.inv < since) return "untold";',
    replace: 'if (last === undefined) return "untold";',
  },
  {
    ...{ name: "checkers-q2-failed-enqueues-may-come", trap: "Q2", file: checkersLoss },
    find: 'if (effect.outcome === "fail") origin.failed = true;',
    replace: 'if (effect.outcome === "fail" && depth > 0) origin.failed = true;',
  },
  {
    ...{ name: "checkers-q2-sent-after-it-came", trap: "Q2", file: checkersLoss },
    find: "if (origin.inv > time) return",
    replace: "if (origin.inv > time + 1e9) return",
  },
  {
    ...{ name: "checkers-q3-only-acks-of-one-lease", trap: "Q3", file: checkersSettledOnce },
    find: "(isFinal(one) ? first : undefined) ?? byToken.get(token)",
    replace: "byToken.get(token)",
  },
  {
    ...{ name: "checkers-q3-unanswered-acks-count", trap: "Q3", file: checkersSettledOnce },
    find: `if (one.effect.outcome !== "ok") continue;
`,
    replace: `if (one.effect.outcome === "fail") continue;
`,
  },
  {
    ...{ name: "checkers-q4-any-nack-will-do", trap: "Q4", file: checkersLeases },
    find: 'one.f === f && one.lease.token === token && one.effect.outcome !== "fail"',
    replace: "one.f === f && one.lease.token === token",
  },
  {
    ...{ name: "checkers-q4-leases-begin-when-they-arrive", trap: "G3", file: checkersLeases },
    find: "const { ends, wrong } = this.#endOf(before, now, began);",
    replace: "const { ends, wrong } = this.#endOf(before, now, Math.max(began, before.time));",
  },
  {
    ...{ name: "checkers-q4-clocks-are-exact", trap: "G4", file: checkersLeases },
    find: "const ends = began + leaseUs / 2 - changes * newLeaderUs;",
    replace: "const ends = began + leaseUs - changes * newLeaderUs;",
  },
  {
    ...{ name: "checkers-q4-leases-end-at-any-time", trap: "Q4", file: checkersLeases },
    find: "const ends = began + leaseUs / 2 - changes * newLeaderUs;",
    replace: "const ends = began - leaseUs - changes * newLeaderUs;",
  },
  {
    ...{ name: "checkers-q4-lines-begin-at-once", trap: "G3", file: checkersLeases },
    find: "free = new Leases(view, lives, message, findings).look(free);",
    replace: "new Leases(view, lives, message, findings).look(free);",
  },
  {
    ...{ name: "checkers-q4-sessions-end-as-they-like", trap: "P7", file: checkersLeases },
    find: "(this.#lastHeard.get(process) ?? -Infinity) <= by ||",
    replace: "(this.#lastHeard.get(process) ?? -Infinity) <= Infinity ||",
  },
  {
    ...{ name: "checkers-q5-already-settled-just-now", trap: "Q5", file: checkersView },
    find: "const inv = settling.already ? firstAsked(message, settling) : settling.effect.inv;",
    replace: "const inv = settling.effect.inv;",
  },
  {
    ...{ name: "checkers-q5-touching-calls-are-ordered", trap: "Q5", file: checkersSweep },
    find: "if (one === undefined || one.ret >= item.inv) break;",
    replace: "if (one === undefined || one.ret > item.inv) break;",
  },
  {
    ...{ name: "checkers-q5-what-stays-lets-pass", trap: "O2", file: checkersOrder },
    find: "leaves: isThere(view, message) ? Infinity : (acked?.inv ?? -Infinity),",
    replace: "leaves: acked?.inv ?? -Infinity,",
  },
  {
    ...{ name: "checkers-q5-first-tokens-only", trap: "O1", file: checkersOrder },
    find: "lastToken: deliveries.at(-1)?.token ?? -Infinity,",
    replace: "lastToken: deliveries[0]?.token ?? -Infinity,",
  },
  {
    ...{ name: "checkers-q6-gaps-are-let-be", trap: "O3", file: checkersOrder },
    find: "firstTime !== Infinity && (keySeq > next || open !== undefined)",
    replace: "firstTime !== Infinity && open !== undefined",
  },
  {
    ...{ name: "checkers-q7-ready-while-another-is-leased", trap: "E1", file: checkersEmpty },
    find: "(settled.get(`${line}/${first.keySeq - 1}`) ?? Infinity)",
    replace: "-Infinity",
  },
  {
    ...{
      name: "checkers-q7-ready-although-it-was-granted-unseen",
      trap: "E1",
      file: checkersEmpty,
    },
    find: "first === undefined || first.deliveries !== 1 || enqueued === undefined",
    replace: "first === undefined || enqueued === undefined",
  },
  {
    ...{ name: "checkers-q7-one-message-at-a-time", trap: "E3", file: checkersEmpty },
    find: "last.until = Math.max(last.until, ready.until);",
    replace: "last.until = Math.max(last.until, last.until);",
  },
  {
    ...{ name: "checkers-q8-numbers-may-fall", trap: "Q8", file: checkersOrder },
    find: "if (before.seq < item.seq) continue;",
    replace: "if (before.seq < item.seq || before.seq > item.seq) continue;",
  },
  {
    ...{ name: "checkers-q9-stored-twice-is-fine", trap: "N1", file: checkersNumbers },
    find: "if (first !== undefined && second !== undefined)",
    replace: "if (first !== undefined && second !== undefined && first.effect === second.effect)",
  },
  {
    ...{ name: "checkers-q9-there-already-by-nobody", trap: "N1", file: checkersNumbers },
    find: "if (maker === undefined)",
    replace: "if (maker === one)",
  },
  {
    ...{ name: "checkers-q10-deduplicated-is-new", trap: "N3", file: checkersNumbers },
    find: "if (already === true || placed?.some(({ deduplicated }) => deduplicated)) continue;",
    replace: "if (already === true) continue;",
  },
  {
    ...{
      name: "checkers-q11-unanswered-enqueues-are-certain",
      trap: "Q11",
      file: checkersConservation,
    },
    find: "if (times.ret !== Infinity) enqueued.certain.push(times.ret);",
    replace: "enqueued.certain.push(Math.min(times.ret, times.inv));",
  },
  {
    ...{ name: "checkers-q11-sums-are-believed", trap: "Q11", file: checkersConservation },
    find: 'if (of("enqueued") === gone + there) return;',
    replace: 'if (of("enqueued") >= 0) return;',
  },
  {
    ...{ name: "checkers-q12-old-tokens-pass", trap: "Q12", file: checkersSettledOnce },
    find: "if (newer <= token) continue;",
    replace: "if (newer >= token) continue;",
  },
  {
    ...{ name: "checkers-q12-every-late-nack-is-old", trap: "Q12", file: checkersSettledOnce },
    find: "if (!isFinal(one) && time >= one.effect.inv) continue;",
    replace: "if (!isFinal(one) && time < 0) continue;",
  },
  {
    ...{ name: "checkers-q13-laggards-pass", trap: "Q13", file: checkersReplicas },
    find: "else if (there.size < nodes.size)",
    replace: "else if (there.size === 0)",
  },
  {
    ...{ name: "checkers-q14-counts-nothing", trap: "Q14", file: checkersConservation },
    find: 'if (outcome === "ok") tookEffect += 1;',
    replace: 'if (outcome === "fail") tookEffect += 1;',
  },
  {
    ...{ name: "checkers-fifo-every-empty-answer-counts", trap: "F4", file: checkersFifo },
    find: `.filter(isFree)
`,
    replace: `.filter((effect) => isFree(effect) || effect.inv > 0)
`,
  },
  {
    ...{ name: "checkers-fifo-lost-acks-came-to-nothing", trap: "F2", file: checkersFifo },
    find: "if (!gone || (isPlain && acks.length === 0)) return undefined;",
    replace: "if (!gone || isPlain) return undefined;",
  },
  {
    ...{ name: "checkers-ledger-gaps-are-excused", trap: "L3", file: checkersLedger },
    find: 'const excused = mayHaveBeenAcked || this.#queue.onExhausted !== "PARK";',
    replace: 'const excused = mayHaveBeenAcked || this.#queue.onExhausted === "PARK";',
  },
  {
    ...{ name: "checkers-ledger-sums-are-believed", trap: "L2", file: checkersLedger },
    find: "if (balance + one.amount === one.balance) return;",
    replace: "if (balance + one.amount !== one.balance) return;",
  },
  {
    ...{ name: "checkers-inconclusive-passes", trap: "C", file: checkersIndex },
    find: 'verdicts.every(({ result }) => result === "holds" || result === "skipped")',
    replace: 'verdicts.every(({ result }) => result !== "violated")',
  },
];

// Bugs in the witness-order check: what it would then let pass.

import type { Mutant } from "../mutant.ts";

const folder = "jepsen-like/checkers/witness";

export const witnessMutants: readonly Mutant[] = [
  {
    ...{ name: "witness-believes-the-chain", trap: "A1", file: `${folder}/agree.ts` },
    find: 'return JSON.stringify(a.commands) === JSON.stringify(b.commands) ? undefined : "content";',
    replace: "return undefined;",
  },
  {
    ...{ name: "witness-does-not-follow-the-chain", trap: "A3", file: `${folder}/agree.ts` },
    find: "if (said !== before.chain)",
    replace: "if (said === undefined)",
  },
  {
    ...{ name: "witness-judges-uncommitted-ends", trap: "A2", file: `${folder}/agree.ts` },
    find: "const whole = logs.filter((log) => has(log, barrier));",
    replace: "const whole = logs;",
  },
  {
    ...{ name: "witness-without-a-barrier", trap: "K2", file: `${folder}/check.ts` },
    find: "if (first === undefined || last === undefined)",
    replace: "if (first === undefined && last === 0)",
  },
  {
    ...{ name: "witness-begins-anywhere", trap: "K3", file: `${folder}/check.ts` },
    find: "if (first > 1)",
    replace: "if (first > 9)",
  },
  {
    ...{ name: "witness-takes-any-entry", trap: "M1", file: `${folder}/map.ts` },
    find: "said === undefined || isDeduplicated(call);",
    replace: "true;",
  },
  {
    ...{ name: "witness-excuses-failures", trap: "M3", file: `${folder}/map.ts` },
    find: "const [refused] = failed.filter(",
    replace: "const [refused] = [].filter(",
  },
  {
    ...{ name: "witness-sees-no-phantoms", trap: "M2", file: `${folder}/map.ts` },
    find: "if (!isOnlyAsked(step.op, declared)) return;",
    replace: "if (calls >= 0) return;",
  },
  {
    ...{ name: "witness-unknown-stands-anywhere", trap: "M1", file: `${folder}/map.ts` },
    find: "const isClear = free.length === 1 && unknown.length + refused.length === 1;",
    replace: "const isClear = true;",
  },
  {
    ...{ name: "witness-numbers-may-repeat", trap: "N1", file: `${folder}/model.ts` },
    find: "return next > this.low && next <= this.high + 1;",
    replace: "return next <= this.high + 1;",
  },
  {
    ...{ name: "witness-numbers-may-be-left-out", trap: "N1", file: `${folder}/model.ts` },
    find: "return next > this.low && next <= this.high + 1;",
    replace: "return next > this.low;",
  },
  {
    ...{ name: "witness-forgets-names", trap: "O1", file: `${folder}/enqueues.ts` },
    find: "if (seen !== undefined && step.clock < seen.until) {",
    replace: "if (seen !== undefined && step.clock > seen.until) {",
  },
  {
    ...{ name: "witness-order-by-parts", trap: "P3", file: `${folder}/settles.ts` },
    find: "const earlier = queue.firstThere(lane, keySeq, step.time);",
    replace: "const earlier = queue.firstThere(lane, 0, step.time);",
  },
  {
    ...{ name: "witness-settled-twice", trap: "P6", file: `${folder}/settles.ts` },
    find: 'message.state = "gone";',
    replace: 'message.state = "maybe";',
  },
  {
    ...{ name: "witness-no-turn", trap: "P3", file: `${folder}/settles.ts` },
    find: "next.after = Math.max(next.after, stage.model.proved);",
    replace: "next.after = 0;",
  },
  {
    ...{ name: "witness-zombies-may-ack", trap: "P5", file: `${folder}/settles.ts` },
    find: 'if (how === "ack" && newest > lease.token)',
    replace: 'if (how === "ack" && newest > 9e9)',
  },
  {
    ...{ name: "witness-half-commits", trap: "O4", file: `${folder}/replay.ts` },
    find: "if (got !== undefined && lost !== undefined)",
    replace: "if (got === undefined && lost === undefined && step.index < 0)",
  },
  {
    ...{ name: "witness-reads-anything", trap: "R1", file: `${folder}/reads.ts` },
    find: "if (value === undefined || (value >= low && value <= high)) return undefined;",
    replace: "if (value === undefined || value >= low) return undefined;",
  },
  {
    ...{ name: "witness-browses-past-the-missing", trap: "R2", file: `${folder}/reads.ts` },
    find: "if (!queue.isThere(message, time) || said.has(",
    replace: "if (queue.isThere(message, time) || said.has(",
  },
  {
    ...{ name: "witness-real-time-of-reads-only", trap: "T1", file: `${folder}/real-time.ts` },
    find: "if (changed === undefined ? index >= newest.index : index > newest.index) continue;",
    replace: "if (changed !== undefined || index >= newest.index) continue;",
  },
  {
    ...{ name: "witness-reads-of-the-past", trap: "T2", file: `${folder}/real-time.ts` },
    find: "if (changed === undefined ? index >= newest.index : index > newest.index) continue;",
    replace: "if (changed === undefined || index > newest.index) continue;",
  },
  {
    ...{ name: "witness-touching-calls-are-ordered", trap: "T1", file: `${folder}/real-time.ts` },
    find: "one.at < call.asked.time;",
    replace: "one.at <= call.asked.time + 60;",
  },
  {
    ...{ name: "witness-one-number-many-commands", trap: "S2", file: `${folder}/sessions.ts` },
    find: "if (before !== JSON.stringify(op))",
    replace: "if (before === undefined)",
  },
  {
    ...{ name: "witness-numbers-of-sessions-jump", trap: "S1", file: `${folder}/sessions.ts` },
    find: 'if (sequence > session.last + 1) return "never";',
    replace: "",
  },
  {
    ...{ name: "witness-equal-enough", trap: "A4", file: `${folder}/agree.ts` },
    find: "if (known.digest !== said.digest)",
    replace: "if (known.digest.length !== said.digest.length)",
  },
];

// Bugs in the checkers: one that says yes too often, or no, is worse than none. Traps by the numbers at the top of each file.

import type { Mutant } from "../mutant.ts";
import { witnessMutants } from "./witness.ts";

const ticks = "jepsen-like/check/ticks.ts";
const fields = "jepsen-like/check/fields.ts";
const theorem = "jepsen-like/check/fifo/theorem.ts";
const matching = "jepsen-like/check/fifo/matching.ts";
const search = "jepsen-like/check/fifo/search.ts";
const fifo = "jepsen-like/check/fifo/check.ts";
const registerHistory = "jepsen-like/check/register/history.ts";
const registerSearch = "jepsen-like/check/register/search.ts";
const register = "jepsen-like/check/register/check.ts";
const program = "jepsen-like/check/program.ts";

export const jepsenLikeMutants: readonly Mutant[] = [
  {
    ...{ name: "check-touching-calls-are-ordered", trap: "T2", file: ticks },
    find: "Number(a.returns) - Number(b.returns)",
    replace: "Number(b.returns) - Number(a.returns)",
  },
  {
    ...{ name: "check-names-out-of-order-differ", trap: "C", file: fields },
    find: ".sort(([a], [b]) => (a < b ? -1 : 1))",
    replace: "",
  },
  {
    ...{ name: "check-numbers-too-large-pass", trap: "C", file: fields },
    find: "if (Math.abs(value) > Number.MAX_SAFE_INTEGER)",
    replace: "if (Number.isNaN(value))",
  },
  {
    ...{ name: "check-overtaking-by-invocation", trap: "F3", file: theorem },
    find: "if ((this.#until[by] ?? Infinity) >= this.#fromOf(last)) continue;",
    replace: "if ((this.#from[by] ?? Infinity) >= this.#fromOf(last)) continue;",
  },
  {
    ...{ name: "check-first-taken-instead-of-last", trap: "F3", file: theorem },
    find: "this.#fromOf(next) > this.#fromOf(last)",
    replace: "this.#fromOf(next) < this.#fromOf(last)",
  },
  {
    ...{ name: "check-empty-is-always-believed", trap: "F4", file: theorem },
    find: "const notEmpty = this.#notEmpty(takenBy);",
    replace: "const notEmpty = undefined as Violation | undefined;",
  },
  {
    ...{ name: "check-empty-covered-by-one-value-only", trap: "F4", file: theorem },
    find: "ends[place] = goesOn ? (ends[place + 1] ?? until) : until;",
    replace: "ends[place] = goesOn ? until : until;",
  },
  {
    ...{ name: "check-empty-by-its-invocation", trap: "F4", file: theorem },
    find: "if (ret >= (ends[",
    replace: "if (inv >= (ends[",
  },
  {
    ...{ name: "check-lost-dequeues-took-nothing", trap: "F6", file: theorem },
    find: "this.#pendingInvs[rank] ?? Infinity; // F6",
    replace: "Infinity; // F6",
  },
  {
    ...{ name: "check-one-lost-dequeue-took-all", trap: "F6", file: theorem },
    find: "this.#pendingInvs[rank] ?? Infinity; // F6",
    replace: "this.#pendingInvs[0] ?? Infinity; // F6",
  },
  {
    ...{ name: "check-reasons-without-the-others", trap: "F6", file: theorem },
    find: "Math.min(this.#rank[at] ?? 0, this.#pendingInvs.length)",
    replace: "0",
  },
  {
    ...{ name: "check-taken-before-it-came", trap: "M1", file: matching },
    find: "place.most >= least && (enqueues[at]?.inv ?? 0) < end",
    replace: "place.most >= least",
  },
  {
    ...{ name: "check-places-without-the-lost", trap: "M2", file: matching },
    find: "countBelow(leasts, most + pendingCount + 1)",
    replace: "countBelow(leasts, most + 1)",
  },
  {
    ...{ name: "check-every-value-must-go", trap: "M2", file: matching },
    find: "pendingCount === 0 && most < takes.size && ret(at) !== Infinity",
    replace: "takes.size > 0",
  },
  {
    ...{ name: "check-no-change-of-mind", trap: "S1", file: search },
    find: "const conflict = possible ? this.#next(depth) : this.#exhausted(enqueue);",
    replace: "const conflict = this.#exhausted(enqueue);",
  },
  {
    ...{ name: "check-backjumps-always", trap: "S2", file: search },
    find: "if (branch === undefined || !branch.has(depth)) {",
    replace: "if (branch === undefined || branch.size < 9) {",
  },
  {
    ...{ name: "check-counterexample-without-lost-dequeues", trap: "C1", file: fifo },
    find: "history.pending.filter(({ inv }) => inv < end)",
    replace: "history.pending.filter(({ inv }) => inv > end)",
  },
  {
    ...{ name: "check-unknown-happened-by-its-return", trap: "A5", file: registerHistory },
    find: "ok === null ? { inv: times.inv, ret: null } : times",
    replace: "times",
  },
  {
    ...{ name: "check-failed-cas-is-ignored", trap: "A5", file: registerHistory },
    find: "isNot: old, becomes: undefined",
    replace: "isNot: undefined, becomes: undefined",
  },
  {
    ...{ name: "check-register-ignores-real-time", trap: "R1", file: registerSearch },
    find: "end = Math.min(end, call.ret);",
    replace: "end = Math.max(end, call.ret);",
  },
  {
    ...{ name: "check-state-without-the-value", trap: "R2", file: registerSearch },
    find: "${unseen} ${value}`",
    replace: "${unseen}`",
  },
  {
    ...{ name: "check-state-without-the-lost", trap: "R2", file: registerSearch },
    find: '${lost.join(",")} ',
    replace: "",
  },
  {
    ...{ name: "check-no-memory", trap: "R2", file: registerSearch },
    find: "this.#seen.has(key) ? [] :",
    replace: "this.#seen.has(`${key}!`) ? [] :",
  },
  {
    ...{ name: "check-exchange-by-return-only", trap: "R4", file: registerSearch },
    find: "alike && other.inv < call.inv && other.ret <= call.ret",
    replace: "other.inv < call.inv && other.ret <= call.ret",
  },
  {
    ...{ name: "check-lost-write-is-never-overwritten", trap: "R5", file: registerSearch },
    find: "if (is === undefined && this.#state.unseen) return false;",
    replace: "if (call.ret !== Infinity && this.#state.unseen) return false;",
  },
  {
    ...{ name: "check-lost-cas-helps-nobody", trap: "R5", file: registerSearch },
    find: "is === value || (isNot !== undefined && isNot !== value)",
    replace: "is === value",
  },
  {
    ...{ name: "check-beginning-too-long", trap: "C1", file: register },
    find: "if (refuted(returned.slice(0, middle))) high = middle;",
    replace: "if (low < 0) high = middle;",
  },
  {
    ...{ name: "check-exit-code-of-the-last-line", trap: "C", file: program },
    find: "seen.add(verdict.linearizable);",
    replace: "seen.clear(); seen.add(verdict.linearizable);",
  },
  ...witnessMutants,
];

// The witness order (reliability.md §2.2): the committed log is the order in which everything happened; what clients were told
// must agree with it. Sound without trusting the server: a false index can only cause a failure.
//   C1. Agree: every index through the commit has an entry (that all disks have the same one is V2 and V3 of watch.ts).
//   C2. Replay: what the queues answer in that order is allowed by a model that shares nothing with them (test/queue/model/),
//       and their digests are those that the nodes had (R9).
//   C3. Map: every answer on the wire is the answer of that log to that command of that session, with that index (R14).
//   C4. Once: no message is in the log twice, none is there that nobody sent, none that was refused (P6, Q2, H3).
//   C5. Whoever was told "ok" finds it in the log where he was told; nobody who is alive still waits (R10).
//   C6. Deliveries are grants of the log: the message, its number and its token (P5, Q2).
//   C7. Real time: what ended before something else began has the lower index; a read sees at least what had ended (P2).
//   C8. A linearizable read shows the queues as of its index.

import { decodeContent } from "../../proto/frame.ts";
import {
  decodeEntry,
  Loader,
  type Answer,
  type Command,
  type Effects,
  type Grant,
  type LogRecord,
  type Machine,
  type Origin,
} from "../../queue/index.ts";
import { Model } from "../queue/model/model.ts";
import type { DiskEntry } from "./disk-log.ts";
import type { History, ReadDone, Spoken } from "./history.ts";
import { Violation } from "./watch.ts";

export interface Evidence {
  /** By index, from 1. */
  readonly log: readonly (DiskEntry | undefined)[];
  readonly commit: number;
  /** By index: what nodes had there. */
  readonly digests: ReadonlyMap<number, string>;
  readonly history: History;
  /** Clients that were killed: they may wait for ever. */
  readonly dead: ReadonlySet<string>;
}

/** @throws {Violation} */
export function check(evidence: Evidence): void {
  const replay = new Replay(evidence);
  replay.run();
  checkSpoken(evidence.history, replay);
  checkOperations(evidence, replay);
  checkDelivered(evidence.history, replay);
  checkRealTime(evidence.history);
}

function expect(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}

interface Applied {
  readonly index: number;
  readonly queue: string;
  readonly keySeq: number;
}

/** The committed log, carried out once more from the beginning. */
class Replay {
  /** "session/sequence" → its one answer. */
  readonly answers = new Map<string, Answer>();
  /** Body → where it went. */
  readonly enqueued = new Map<string, Applied>();
  readonly bodies = new Set<string>();
  /** "token/kind" → indexes at which that settlement was a success. */
  readonly settled = new Map<string, Set<number>>();
  readonly grants = new Map<number, Grant>();
  readonly #evidence: Evidence;
  readonly #machine: Machine = new Loader().finish();
  readonly #model = new Model();
  readonly #reads: ReadDone[];
  #read = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#reads = [...evidence.history.reads].sort((a, b) => a.index - b.index);
    this.#machine.collectGrants = true;
  }

  run(): void {
    const { log, commit, digests } = this.#evidence;
    for (let index = 1; index <= commit; index += 1) {
      const entry = log[index];
      expect(entry?.index === index, () => `C1: the committed log has no entry ${index}`);
      if (entry?.kind === "command") this.#entry(index, entry.payload);
      else this.#machine.skip(index);
      const digest = digests.get(index);
      expect(
        digest === undefined || digest === this.#machine.digest,
        () => `C2: R9: the nodes' digest at ${index} is not that of the log`,
      );
      this.#readsAt(index);
    }
  }

  #entry(index: number, payload: Uint8Array): void {
    const machine = this.#machine;
    const { time, records } = decodeEntry(payload);
    const at = { index, time };
    while (machine.missingDue(at) !== undefined) machine.provideDue([]);
    provide(machine, () => machine.missingToBegin(at));
    machine.begin(at);
    const answers = records.map(({ origin, command }) => {
      provide(machine, () => machine.missing(origin, command));
      return machine.apply(origin, command);
    });
    machine.end();
    const effects = machine.takeEffects();
    const calls = records.map(({ origin, command }): readonly [Origin, Command] => [
      origin,
      command,
    ]);
    this.#model.entry({ index, stamp: time, calls, answers, effects });
    const [fault] = this.#model.faults;
    expect(fault === undefined, () => `C2: ${fault ?? ""}`);
    records.forEach((record, ordinal) => this.#learn(record, answers[ordinal]));
    this.#learnEffects(effects);
  }

  #learn({ origin, command }: LogRecord, answer: Answer | undefined): void {
    const name = `${origin.session}/${origin.sequence}`;
    const isFirst = origin.sequence === 0 || !this.answers.has(name);
    if (answer !== undefined && origin.sequence > 0 && isFirst && !isRefusedBySession(answer))
      this.answers.set(name, answer);
    if (command.kind === "enqueue" || command.kind === "enqueue-batch") {
      const messages = command.kind === "enqueue" ? [command.message] : command.messages;
      const bodies = messages.map(({ content }) => bodyOf(content));
      for (const body of bodies) this.bodies.add(body);
      if (answer === undefined || !isFirst) return;
      const { reply, index } = answer;
      const numbers =
        reply.kind === "enqueued"
          ? [reply.message]
          : reply.kind === "batch-enqueued"
            ? reply.messages
            : [];
      numbers.forEach(({ keySeq }, at) => {
        const body = bodies[at] ?? "";
        expect(
          !this.enqueued.has(body),
          () => `C4: P6: ${body} is in the log twice, at ${index} again`,
        );
        this.enqueued.set(body, { index, queue: command.queue, keySeq });
      });
    } else if (command.kind === "settle" && answer?.reply.kind === "settled") {
      const place = `${command.lease.token}/${command.settlement.kind}`;
      const indexes = this.settled.get(place);
      if (indexes === undefined) this.settled.set(place, new Set([answer.index]));
      else indexes.add(answer.index);
    }
    if (answer?.reply.kind === "received")
      for (const grant of answer.reply.grants) this.grants.set(grant.token, grant);
  }

  #learnEffects({ grants, completions }: Effects): void {
    for (const grant of grants) this.grants.set(grant.token, grant);
    for (const { session, sequence, answer } of completions) {
      this.answers.set(`${session}/${sequence}`, answer);
      if (answer.reply.kind !== "received") continue;
      for (const grant of answer.reply.grants) this.grants.set(grant.token, grant);
    }
  }

  /** C8. */
  #readsAt(index: number): void {
    for (; this.#read < this.#reads.length; this.#read += 1) {
      const read = this.#reads[this.#read];
      if (read === undefined || read.index > index) return;
      const info = this.#machine.queueInfo(read.queue);
      this.#model.compare(info, read.queue);
      const [fault] = this.#model.faults;
      expect(fault === undefined, () => `C8: ${fault ?? ""}`);
      for (const field of ["enqueued", "acked", "ready", "leased", "parked", "revision"] as const) {
        expect(
          read.info[field] === info?.[field],
          () =>
            `C8: ${read.client} reads ${field} ${String(read.info[field])} of ${read.queue} at ${index}, where it is ${String(info?.[field])}`,
        );
      }
    }
  }
}

/** The replica keeps all rows in memory: what it asks for is not there. */
function provide(machine: Machine, missing: () => readonly string[]): void {
  for (let rows = missing(); rows.length > 0; rows = missing())
    for (const row of rows) machine.provide(row, undefined);
}

/** Refused before its number counted. */
function isRefusedBySession({ reply }: Answer): boolean {
  if (reply.kind !== "refused") return false;
  const { reason, field } = reply.refusal;
  return reason === "SESSION_EXPIRED" || reason === "SEQUENCE_GAP" || field === "sequence";
}

function bodyOf(content: Uint8Array): string {
  return JSON.parse(Buffer.from(decodeContent(content).body).toString("utf8")) as string;
}

// ---------------------------------------------------------------- C3

const notOfTheLog: ReadonlySet<string> = new Set([
  ...["NOT_LEADER", "NO_LEADER", "SHUTTING_DOWN", "SESSION_EXPIRED", "SEQUENCE_GAP"],
]);

function checkSpoken(history: History, replay: Replay): void {
  for (const spoken of history.spoken.values()) {
    for (const { reply } of spoken.replies) checkReply(spoken, reply, replay);
  }
}

function checkReply(
  { session, sequence, op }: Spoken,
  { logIndex, result }: Spoken["replies"][number]["reply"],
  replay: Replay,
): void {
  const name = `${op} ${session}/${sequence}`;
  if (result.kind === "error" && notOfTheLog.has(result.error.reason)) return;
  const answer = replay.answers.get(`${session}/${sequence}`);
  if (answer === undefined) {
    const isBelowFloor = result.kind === "error" && result.error.reason === "MALFORMED";
    expect(isBelowFloor, () => `C3: ${name} was answered ${result.kind}, and is not in the log`);
    return;
  }
  const { reply, index } = answer;
  const same = (): boolean => {
    switch (result.kind) {
      case "enqueued":
        return (
          reply.kind === "enqueued" &&
          reply.message.keySeq === result.keySeq &&
          reply.message.seq === result.seq
        );
      case "batchEnqueued":
        return (
          reply.kind === "batch-enqueued" &&
          reply.messages.map(({ seq }) => seq).join() ===
            result.messages.map(({ seq }) => seq).join()
        );
      case "committed":
        return (
          reply.kind === "committed" &&
          reply.messages.map(({ seq }) => seq).join() ===
            result.messages.map(({ seq }) => seq).join()
        );
      case "settled":
        return reply.kind === "settled" && reply.already === result.already;
      case "error":
        return reply.kind === "refused" && reply.refusal.reason === result.error.reason;
      case "received": {
        if (reply.kind !== "received") return false;
        const tokens = new Set(reply.grants.map(({ token }) => token));
        return result.deliveries.every(({ fencingToken }) => tokens.has(fencingToken));
      }
      case "done":
        return reply.kind === "done";
      case "unknown":
        return false;
    }
  };
  expect(
    logIndex === index && same(),
    () =>
      `C3: ${name} was answered ${JSON.stringify(result)} at ${logIndex}, the log says ${JSON.stringify(reply)} at ${index}`,
  );
}

// ---------------------------------------------------------------- C4, C5

function checkOperations({ history, dead }: Evidence, replay: Replay): void {
  const attempted = new Set<string>();
  for (const operation of history.operations) {
    const { call, outcome, client, index } = operation;
    const name = `${client}'s ${call.kind}`;
    expect(
      outcome !== "open" || dead.has(client),
      () => `C5: R10: ${name} ${JSON.stringify(call)} was never answered`,
    );
    if (call.kind === "enqueue") {
      call.bodies.forEach((body, at) => {
        attempted.add(body);
        const applied = replay.enqueued.get(body);
        if (outcome === "fail")
          expect(
            applied === undefined,
            () =>
              `C4: H3: ${name} of ${body} was refused, and is in the log at ${applied?.index ?? 0}`,
          );
        if (outcome !== "ok") return;
        expect(
          applied?.index === index && applied.keySeq === operation.keySeqs[at],
          () =>
            `C5: P1: ${name} of ${body} is not in the log at ${index}: ${JSON.stringify(applied)}`,
        );
      });
    } else if ("token" in call && outcome === "ok") {
      expect(
        replay.settled.get(`${call.token}/${call.kind}`)?.has(index) === true,
        () => `C5: ${name} of token ${call.token} is not in the log at ${index}`,
      );
    }
  }
  for (const body of replay.bodies)
    expect(attempted.has(body), () => `C4: Q2: ${body} is in the log, and nobody sent it`);
}

// ---------------------------------------------------------------- C6

function checkDelivered(history: History, replay: Replay): void {
  for (const { client, queue, keySeq, token, body } of history.delivered) {
    const grant = replay.grants.get(token);
    expect(
      grant?.queue === queue && grant.keySeq === keySeq,
      () =>
        `C6: ${client} got ${queue}/${keySeq} with token ${token}, which the log does not grant`,
    );
    const applied = replay.enqueued.get(body);
    expect(
      applied !== undefined && (applied.queue !== queue || applied.keySeq === keySeq),
      () => `C6: ${client} got ${queue}/${keySeq} with the body ${body} of another message`,
    );
  }
}

// ---------------------------------------------------------------- C7

interface Timed {
  readonly from: number;
  readonly to: number;
  readonly index: number;
  readonly isRead: boolean;
  readonly name: string;
}

function* timed(history: History): Generator<Timed> {
  for (const { from, to, index, outcome, client, call } of history.operations)
    if (outcome === "ok" && index > 0)
      yield { from, to, index, isRead: false, name: `${client}'s ${call.kind}` };
  for (const { from, to, index, client, queue } of history.reads)
    yield { from, to, index, isRead: true, name: `${client}'s read of ${queue}` };
  for (const { from, replies, session, sequence, op } of history.spoken.values()) {
    const [first] = replies;
    if (first === undefined || first.reply.result.kind === "error") continue;
    const name = `${op} ${session}/${sequence}`;
    yield { from, to: first.step, index: first.reply.logIndex, isRead: false, name };
  }
}

function checkRealTime(history: History): void {
  const all = [...timed(history)];
  const byEnd = [...all].sort((a, b) => a.to - b.to);
  all.sort((a, b) => a.from - b.from);
  let ended = 0;
  let latest: Timed | undefined;
  for (const operation of all) {
    for (; (byEnd[ended]?.to ?? Infinity) < operation.from; ended += 1) {
      const end = byEnd[ended];
      if (end !== undefined && end.index > (latest?.index ?? 0)) latest = end;
    }
    if (latest === undefined) continue;
    const { index, isRead, name } = operation;
    const before = latest;
    expect(
      isRead ? index >= before.index : index > before.index,
      () =>
        `C7: P2: ${name} has index ${index}; ${before.name}, which had ended before, has ${before.index}`,
    );
  }
}

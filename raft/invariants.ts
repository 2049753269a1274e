// What must hold in the state of a member, and between two of its states. For tests and the simulation: after every step.

import type { RaftStatus } from "./status.ts";

/** `before` is undefined for the first state after a start. */
export function* violations(before: RaftStatus | undefined, after: RaftStatus): Generator<string> {
  yield* violationsIn(after);
  if (before !== undefined) yield* violationsBetween(before, after);
}

function* violationsIn(state: RaftStatus): Generator<string> {
  const { applied, handedOut, commit, last, durable, compacted } = state;
  if (applied > handedOut) yield "T3: applied beyond what was handed out";
  if (handedOut > commit) yield "T3: handed out what is not committed";
  if (handedOut > durable) yield "AP1: handed out what is not durable";
  if (commit > last.index) yield "T3: committed beyond the log";
  if (durable > last.index) yield "L4: durable beyond the log";
  if (compacted.index > applied) yield "E8: compacted what is not applied";
  if (last.term > state.term) yield "T1: an entry of a later term";
  if (state.role === "leader") yield* violationsOfLeader(state);
  else if (state.progress.length > 0) yield "T4: progress without leadership";
}

function* violationsOfLeader(state: RaftStatus): Generator<string> {
  if (state.leader !== state.id) yield "T4: a leader that follows another";
  if (state.installing) yield "S3: a leader that installs a snapshot";
  if (state.last.term !== state.term) yield "LE1: a leader without an entry of its term";
  for (const { match, next, id } of state.progress) {
    if (match > state.last.index) yield `PR1: match of ${id} beyond the log`;
    if (next <= match) yield `PR2: next of ${id} at or below match`;
    if (next > state.last.index + 1) yield `PR2: next of ${id} beyond the log`;
  }
}

function* violationsBetween(before: RaftStatus, after: RaftStatus): Generator<string> {
  if (after.term < before.term) yield "T1: term moved back";
  if (after.commit < before.commit) yield "T3: commit moved back";
  if (after.handedOut < before.handedOut) yield "T3: handed out moved back";
  if (after.applied < before.applied) yield "T3: applied moved back";
  if (after.compacted.index < before.compacted.index) yield "L1: compacted moved back";
  if (after.last.index < before.commit) yield "AE2: a committed entry was removed";
  if (after.role === "leader" && before.role !== "leader" && before.role !== "candidate") {
    yield "T4: a leader that was no candidate";
  }
  if (after.term !== before.term) return;
  if (before.vote !== undefined && after.vote !== before.vote) yield "T2: voted twice in one term";
  if (before.leader !== undefined && after.leader !== undefined && before.leader !== after.leader) {
    yield "election safety: two leaders in one term";
  }
  if (before.role === "leader" && after.role === "leader") yield* violationsOfReign(before, after);
  if (before.role === "leader" && after.role !== "leader" && after.role !== "follower") {
    yield "T4: a leader that campaigns";
  }
}

function* violationsOfReign(before: RaftStatus, after: RaftStatus): Generator<string> {
  if (after.last.index < before.last.index) yield "T4: a leader truncated its log";
  const matches = new Map(before.progress.map(({ id, match }) => [id, match]));
  for (const { id, match } of after.progress) {
    if (match < (matches.get(id) ?? 0)) yield `PR1: match of ${id} moved back`;
  }
}

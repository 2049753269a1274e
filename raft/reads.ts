// Linearizable reads without a log entry (ReadIndex, §6.4 of the thesis).
//   RI1. No read is answered before an entry of the leader's own term is committed (D1).
//   RI2. A read is answered only after a quorum has answered a round of heartbeats that began after the read arrived; every
//        round has a number of its own in the term, so an answer to an older question confirms nothing (D2).
//   RI3. Every read gets exactly one outcome: an index, or `undefined` when leadership is lost (D3).
//   RI4. At most `readsWaitingMax` reads wait; one more is refused at once, with the reason.
// Reads that arrive while a round is under way share the next one: one round per round trip, however many reads.

import { readsWaitingMax } from "./config.ts";
import type { Core } from "./core.ts";
import { broadcastHeartbeat } from "./heartbeat.ts";
import { reachedByQuorum } from "./quorum.ts";
import type { Leader } from "./role.ts";

export function read(core: Core, id: number): void {
  if (core.role.kind !== "leader") {
    core.out.reads.push({ id, index: undefined });
    return;
  }
  if (core.role.readsWaiting >= readsWaitingMax) {
    core.out.reads.push({ id, index: undefined, reason: "too-many-reads" });
    return;
  }
  core.role.readsWaiting += 1;
  core.role.waitingReads.push(id);
  startReadRound(core, core.role);
}

/** Starts a round for the waiting reads, if they may have one and none is under way. */
export function startReadRound(core: Core, leader: Leader): void {
  if (leader.waitingReads.length === 0 || leader.readRounds.length > 0) return;
  if (core.commit < leader.firstIndex) return;
  broadcastHeartbeat(core, leader);
  joinRound(core, leader);
  // Without other voters the round is over as it begins.
  confirmReads(core, leader);
}

/** The round just sent is one for every read that waits: it began after they arrived. */
export function joinRound(core: Core, leader: Leader): void {
  if (leader.waitingReads.length === 0 || core.commit < leader.firstIndex) return;
  leader.readRounds.push({ round: leader.round, index: core.commit, ids: leader.waitingReads });
  leader.waitingReads = [];
}

/** An answer to a heartbeat came: releases what a quorum has confirmed. */
export function confirmReads(core: Core, leader: Leader): void {
  if (leader.readRounds.length === 0) return;
  const confirmed = reachedByQuorum(core.memberships.current.voters, leader.rounds);
  for (;;) {
    const first = leader.readRounds.at(0);
    if (first === undefined || first.round > confirmed) break;
    for (const id of first.ids) core.out.reads.push({ id, index: first.index });
    leader.readsWaiting -= first.ids.length;
    leader.readRounds.shift();
  }
  startReadRound(core, leader);
}

/** D3: leadership is lost. */
export function failReads(core: Core, leader: Leader): void {
  for (;;) {
    const round = leader.readRounds.shift();
    if (round === undefined) break;
    for (const id of round.ids) core.out.reads.push({ id, index: undefined });
  }
  for (const id of leader.waitingReads) core.out.reads.push({ id, index: undefined });
  leader.waitingReads = [];
}

// Replication as the follower sees it (§5.3).
//   AE1. Entries are appended only after an entry that the leader has too (the consistency check).
//   AE2. Entries are removed only where the leader has another one, never because an append was short or late (B2), and never
//        at or below the commit index: then the process stops, because the cluster is broken.
//   AE3. commit = min(leader's commit, last entry known to agree with the leader) (B5).
//   AE4. `match` in an accepted reply is durable when the reply leaves, and agrees with the leader of the reply's term.

import { handOutCommitted } from "./apply.ts";
import { assert } from "./assert.ts";
import type { Core } from "./core.ts";
import { isSlice } from "./log.ts";
import { decodeMembership } from "./membership.ts";
import type { AppendRequest, Heartbeat } from "./message.ts";
import type { Follower } from "./role.ts";
import type { Entry } from "./types.ts";

export function onAppendRequest(core: Core, follower: Follower, message: AppendRequest): void {
  // S3: the log is about to be replaced. The leader asks again after it hears that the snapshot is in.
  if (core.installing !== undefined) return;
  if (!isSlice(message.previous, message.entries, message.term)) return;
  const { log } = core;
  let { previous, entries } = message;
  if (previous.index < core.commit) {
    // What is committed here the leader has too, and some of it may be compacted away: compare from the commit index on.
    const committed = log.idAt(core.commit);
    const same = entries[core.commit - previous.index - 1];
    assert(
      same === undefined || same.term === committed.term,
      "AE2: the leader lacks a committed entry",
    );
    entries = entries.slice(core.commit - previous.index);
    previous = committed;
  }
  if (!log.has(previous)) {
    refuseAppend(core, message);
    return;
  }
  appendNew(core, entries);
  const match = previous.index + entries.length;
  core.advanceCommit(Math.max(core.commit, Math.min(message.commit, match)));
  forgetOvertakenSnapshot(core, follower);
  acceptAppend(core, message.from, message.previous, match);
  handOutCommitted(core);
}

function appendNew(core: Core, entries: readonly Entry[]): void {
  const { log } = core;
  let known = 0;
  for (const entry of entries) {
    if (!log.has(entry)) break;
    known += 1;
  }
  const first = entries[known];
  if (first === undefined) return;
  if (first.index <= log.lastIndex) truncateAfter(core, first.index - 1);
  for (let at = known; at < entries.length; at += 1) {
    const entry = entries[at];
    if (entry !== undefined) appendEntry(core, entry);
  }
}

/** Appends on either side: leader or follower. */
export function appendEntry(core: Core, entry: Entry): void {
  core.log.append(entry);
  // M1: a membership counts from here on.
  if (entry.kind === "membership") {
    core.memberships.append(entry.index, decodeMembership(entry.payload));
  }
  core.out.entries.push(entry);
}

function truncateAfter(core: Core, index: number): void {
  assert(index >= core.commit, "AE2: truncating a committed entry");
  assert(core.role.kind === "follower", "T4: only a follower truncates");
  core.log.truncateAfter(index);
  core.memberships.truncateAfter(index);
  core.out.truncateAfter = index;
}

export function acceptAppend(
  core: Core,
  to: number,
  previous: AppendRequest["previous"],
  match: number,
): void {
  core.sendAfterPersist({
    kind: "append-reply",
    from: core.id,
    to,
    term: core.term,
    previous,
    outcome: { kind: "accepted", match },
  });
}

/** Also the answer to a leader of an older term, who learns the newer one from it. */
export function refuseAppend(core: Core, { from, previous }: AppendRequest): void {
  const conflict = core.log.lastNotAbove(previous.index, previous.term) ?? core.log.compacted;
  core.reply({
    kind: "append-reply",
    from: core.id,
    to: from,
    term: core.term,
    previous,
    outcome: { kind: "refused", conflict },
  });
}

export function onHeartbeat(core: Core, follower: Follower, message: Heartbeat): void {
  // The leader bounds `commit` by what this node acknowledged (HB1). A higher one is not meant for this log (B5).
  if (core.installing === undefined && message.commit <= core.log.durable) {
    core.advanceCommit(Math.max(core.commit, message.commit));
    forgetOvertakenSnapshot(core, follower);
    handOutCommitted(core);
  }
  if (message.round !== 0) replyToHeartbeat(core, message);
}

/** HB2. Also the answer to a leader of an older term. */
export function replyToHeartbeat(core: Core, { from, round }: Heartbeat): void {
  core.reply({ kind: "heartbeat-reply", from: core.id, to: from, term: core.term, round });
}

function forgetOvertakenSnapshot(core: Core, follower: Follower): void {
  const { receiving } = follower;
  if (receiving !== undefined && receiving.snapshot.last.index <= core.commit) {
    follower.receiving = undefined;
  }
}

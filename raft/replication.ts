// Replication as the leader sees it (§5.3, §5.4.2).
//   RE1. Only an entry of the leader's own term is committed by counting; older ones are committed with it (§5.4.2, B1).
//   RE2. The leader counts itself through what its own disk has confirmed, not through what it appended (B7).
//   RE3. A refusal never lowers match, and a stale one changes nothing (B3).
//   RE4. What is under way to a follower is bounded in count and bytes; what is not committed, in bytes (I1, I2).

import { handOutCommitted } from "./apply.ts";
import type { Core } from "./core.ts";
import { appendEntry } from "./follower.ts";
import { bytesOf, isSlice } from "./log.ts";
import type { AppendReply } from "./message.ts";
import type { Progress } from "./progress.ts";
import { reachedByQuorum } from "./quorum.ts";
import { startReadRound } from "./reads.ts";
import type { Leader } from "./role.ts";
import { beginSnapshot } from "./snapshot.ts";
import type { Entry, EntryId, NodeId } from "./types.ts";

const nothing = new Uint8Array(0);

export function propose(core: Core, payload: Uint8Array): void {
  if (core.role.kind !== "leader") {
    core.out.proposed = { kind: "refused", reason: "not-leader" };
    return;
  }
  const leader = core.role;
  if (leader.handOver !== undefined) {
    core.out.proposed = { kind: "refused", reason: "transferring" };
    return;
  }
  if (leader.uncommittedBytes >= core.config.uncommittedBytesMax) {
    core.out.proposed = { kind: "refused", reason: "uncommitted-limit" };
    return;
  }
  const id: EntryId = { term: core.term, index: core.log.lastIndex + 1 };
  appendAsLeader(core, leader, { ...id, kind: "command", payload });
  core.out.proposed = { kind: "appended", id };
}

/** Opens a term (LE1), or makes a hand-over that was given up stale (TR4). */
export function appendNoop(core: Core, leader: Leader): void {
  const index = core.log.lastIndex + 1;
  appendAsLeader(core, leader, { index, term: core.term, kind: "noop", payload: nothing });
}

export function appendAsLeader(core: Core, leader: Leader, entry: Entry): void {
  appendEntry(core, entry);
  leader.uncommittedBytes += bytesOf(entry);
  for (const peer of leader.peers.values()) replicate(core, peer);
}

/** Sends everything that may be sent to one follower now. */
export function replicate(core: Core, peer: Progress): void {
  const { log, config } = core;
  while (peer.isOpen(config.inflightAppendsMax, config.inflightBytesMax)) {
    if (peer.next > log.lastIndex) return;
    if (peer.next <= log.compacted.index) {
      beginSnapshot(core, peer);
      return;
    }
    if (peer.next < log.windowFirst) {
      fetchFor(core, peer);
      return;
    }
    sendAppend(core, peer, log.slice(peer.next, config.appendBytesMax));
  }
}

function sendAppend(core: Core, peer: Progress, entries: readonly Entry[]): void {
  const previous = core.log.idAt(peer.next - 1);
  const last = previous.index + entries.length;
  let bytes = 0;
  for (const entry of entries) bytes += bytesOf(entry);
  core.send({
    kind: "append-request",
    from: core.id,
    to: peer.id,
    term: core.term,
    previous,
    entries,
    commit: core.commit,
  });
  peer.sent(last, bytes, core.now, core.log.lastIndex);
  peer.toldCommit = Math.max(peer.toldCommit, Math.min(core.commit, last));
}

/** The last word to a member that was removed: how far the log is committed, behind everything that was sent to it (CH4). */
export function tellEnd(core: Core, peer: Progress): void {
  const previous = core.log.idAt(Math.max(peer.next - 1, core.log.compacted.index));
  const { id: from, term, commit } = core;
  core.send({ kind: "append-request", from, to: peer.id, term, previous, entries: [], commit });
}

/** PR4: one at a time; the answer continues. */
function fetchFor(core: Core, peer: Progress): void {
  if (peer.fetchingFrom !== undefined) return;
  peer.fetchingFrom = peer.next;
  core.out.fetches.push({
    for: peer.id,
    from: peer.next,
    through: core.log.windowFirst - 1,
    bytesMax: core.config.appendBytesMax,
  });
}

/** Answer to a fetch for a follower. */
export function onFetched(
  core: Core,
  leader: Leader,
  id: NodeId,
  from: number,
  entries: readonly Entry[],
): void {
  const peer = leader.peers.get(id);
  if (peer?.fetchingFrom !== from) return;
  peer.fetchingFrom = undefined;
  const { log, config } = core;
  if (peer.next !== from || !peer.isOpen(config.inflightAppendsMax, config.inflightBytesMax)) {
    replicate(core, peer);
    return;
  }
  const last = entries.at(-1);
  if (last === undefined) {
    beginSnapshot(core, peer);
    return;
  }
  const previousTerm = log.termAt(from - 1);
  // An answer to a question from an earlier leadership may be about entries that were replaced since.
  const isCurrent =
    previousTerm !== undefined &&
    isSlice({ term: previousTerm, index: from - 1 }, entries, core.term) &&
    log.has(last);
  if (isCurrent) sendAppend(core, peer, entries);
  replicate(core, peer);
}

export function onAppendReply(core: Core, leader: Leader, message: AppendReply): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  peer.heard(core.now);
  const { outcome, previous } = message;
  if (outcome.kind === "accepted") onAccepted(core, leader, peer, outcome.match);
  else onRefused(core, peer, previous, outcome.conflict);
}

function onAccepted(core: Core, leader: Leader, peer: Progress, match: number): void {
  // Nothing beyond the own log was ever sent by this leader.
  if (match > core.log.lastIndex) return;
  peer.acknowledged(match, core.now, core.log.lastIndex);
  switch (peer.mode.kind) {
    case "probe":
      peer.replicate(core.now);
      break;
    case "snapshot":
      // The snapshot is in, or the log can serve the follower without it. Should the log have moved on in the meantime,
      // `replicate` below begins with a newer one.
      if (peer.match >= Math.min(core.log.compacted.index, peer.mode.last?.index ?? Infinity)) {
        peer.replicate(core.now);
      }
      break;
    case "replicate":
      break;
  }
  advanceCommit(core, leader);
  replicate(core, peer);
}

function onRefused(core: Core, peer: Progress, previous: EntryId, conflict: EntryId): void {
  const { mode } = peer;
  if (mode.kind === "snapshot") return;
  // RE3: answers overtaken by others. A probe asks about next - 1 only; anything at or below match was accepted before.
  if (previous.index <= peer.match || previous.index >= peer.next) return;
  if (mode.kind === "probe" && previous.index !== peer.next - 1) return;
  // Skip the follower's diverging terms, then ours (B9).
  const hint = Math.min(conflict.index, previous.index - 1);
  const agreed = core.log.lastNotAbove(hint, conflict.term)?.index ?? core.log.compacted.index - 1;
  peer.probe(Math.max(agreed, 0) + 1);
  replicate(core, peer);
}

function advanceCommit(core: Core, leader: Leader): void {
  const { voters } = core.memberships.current;
  const reached = reachedByQuorum(voters, leader.matches);
  if (reached <= core.commit) return;
  if (core.log.termAt(reached) !== core.term) return;
  for (let at = Math.max(core.commit + 1, leader.firstIndex); at <= reached; at += 1) {
    const entry = core.log.entryAt(at);
    if (entry !== undefined) leader.uncommittedBytes -= bytesOf(entry);
  }
  core.advanceCommit(reached);
  handOutCommitted(core);
  startReadRound(core, leader);
}

/** The own disk has confirmed more (RE2). */
export function onOwnProgress(core: Core, leader: Leader): void {
  advanceCommit(core, leader);
}

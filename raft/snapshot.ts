// Snapshots in chunks (§7), for followers that need entries which the leader has dropped.
//   S1. One chunk is under way per follower; the follower names the chunk it wants, so a transfer resumes (E3).
//   S2. A snapshot that is not ahead of the commit index, or whose last entry is already in the log, is not needed: what it
//       covers is committed, and the log keeps its tail (fig. 13; E1).
//   S3. From handing out the last chunk until the snapshot is installed the log does not move: no appends, no campaign.
//   S4. Installing replaces the whole log and the membership with it (E1, C4).
//   S5. The leader keeps a transfer until the follower acknowledges the snapshot as part of its log, however long it takes to
//       install (E4).

import { handOutCommitted } from "./apply.ts";
import { assert } from "./assert.ts";
import type { Core } from "./core.ts";
import { acceptAppend } from "./follower.ts";
import { isSame } from "./log.ts";
import type { SnapshotChunk, SnapshotChunkReply } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Follower, Leader, Receiving } from "./role.ts";
import type { EntryId, NodeId, SnapshotId } from "./types.ts";

// ---- The leader's side.

/** For a follower that is silent this waits until it is heard: an open snapshot costs disk space. */
export function beginSnapshot(core: Core, peer: Progress): void {
  peer.beginSnapshot(core.now);
  const { mode } = peer;
  assert(mode.kind === "snapshot", "PR3: the snapshot has begun");
  if (core.now - peer.heardAt > core.config.electionTicks) mode.stage = "lost";
  else core.out.snapshotReads.push({ to: peer.id, last: undefined, chunk: 0 });
}

export interface ChunkRead {
  readonly to: NodeId;
  readonly snapshot: SnapshotId;
  readonly chunk: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

export function onSnapshotRead(core: Core, leader: Leader, read: ChunkRead): void {
  const mode = leader.peers.get(read.to)?.mode;
  if (mode?.kind !== "snapshot" || mode.stage !== "reading" || mode.chunk !== read.chunk) return;
  const { snapshot, chunk, data, done } = read;
  if (mode.last !== undefined && !isSame(mode.last, snapshot.last)) return;
  mode.last = snapshot.last;
  mode.done = done;
  mode.stage = "sent";
  mode.since = core.now;
  core.send({
    kind: "snapshot-chunk",
    from: core.id,
    to: read.to,
    term: core.term,
    snapshot,
    chunk,
    data,
    done,
  });
}

export function onSnapshotLost(core: Core, leader: Leader, to: NodeId): void {
  const peer = leader.peers.get(to);
  if (peer?.mode.kind !== "snapshot") return;
  peer.beginSnapshot(core.now);
  peer.mode.stage = "lost";
}

export function onSnapshotChunkReply(
  core: Core,
  leader: Leader,
  message: SnapshotChunkReply,
): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  peer.heard(core.now);
  const { mode } = peer;
  if (mode.kind !== "snapshot" || mode.last === undefined) return;
  if (mode.stage !== "sent" && mode.stage !== "transferred") return;
  const { last, next } = message;
  // The chunk that is under way is wanted, or one that cannot be: nothing new.
  if (!isSame(last, mode.last) || next === mode.chunk || next > mode.chunk + 1) return;
  if (mode.done && next === mode.chunk + 1) {
    mode.stage = "transferred";
    mode.since = core.now;
    return;
  }
  mode.chunk = next;
  readAgain(core, peer);
}

/** S1, S5: a chunk without an answer is sent again; also the last one, to learn how the installation goes. */
export function tickSnapshot(core: Core, peer: Progress): void {
  const { mode } = peer;
  // Silence is left alone: CheckQuorum and heartbeats are for that.
  if (mode.kind !== "snapshot" || peer.heardAt <= mode.since) return;
  const waited = core.now - mode.since;
  switch (mode.stage) {
    case "reading":
      return;
    case "lost":
      if (waited >= core.config.heartbeatTicks) beginSnapshot(core, peer);
      return;
    case "sent":
    case "transferred":
      if (waited >= core.delays.chunkTicks) readAgain(core, peer);
      return;
  }
}

function readAgain(core: Core, peer: Progress): void {
  const { mode } = peer;
  if (mode.kind !== "snapshot") return;
  mode.stage = "reading";
  mode.since = core.now;
  core.out.snapshotReads.push({ to: peer.id, last: mode.last, chunk: mode.chunk });
}

// ---- The follower's side.

export function onSnapshotChunk(core: Core, follower: Follower, message: SnapshotChunk): void {
  const { snapshot, chunk } = message;
  const { last } = snapshot;
  if (core.installing !== undefined) {
    if (message.done && isSame(core.installing.last, last)) wantChunk(core, last, chunk + 1);
    return;
  }
  if (isNotNeeded(core, message)) {
    follower.receiving = undefined;
    return;
  }
  const receiving = receivingFor(follower, snapshot, chunk);
  if (receiving === undefined) wantChunk(core, last, 0);
  else if (receiving.writing) return;
  else if (receiving.next !== chunk) wantChunk(core, last, receiving.next);
  else writeChunk(core, follower, receiving, message);
}

/** S2. */
function isNotNeeded(core: Core, { from, snapshot }: SnapshotChunk): boolean {
  const { last } = snapshot;
  if (last.index > core.commit) {
    if (!core.log.has(last)) return false;
    core.advanceCommit(last.index);
    handOutCommitted(core);
  }
  acceptAppend(core, from, last, core.commit);
  return true;
}

/** Chunk 0 begins a transfer, or begins it again, unless it is an older one that comes late. */
function receivingFor(
  follower: Follower,
  snapshot: SnapshotId,
  chunk: number,
): Receiving | undefined {
  const { receiving } = follower;
  const isOngoing = receiving !== undefined && isSame(receiving.snapshot.last, snapshot.last);
  if (chunk !== 0) return isOngoing ? receiving : undefined;
  if (isOngoing && receiving.writing) return receiving;
  if (receiving !== undefined && snapshot.last.index < receiving.snapshot.last.index) {
    return undefined;
  }
  follower.receiving = { snapshot, next: 0, writing: false };
  return follower.receiving;
}

function writeChunk(
  core: Core,
  follower: Follower,
  receiving: Receiving,
  { from, snapshot, chunk, data, done }: SnapshotChunk,
): void {
  receiving.writing = true;
  core.out.snapshotWrite = { from, snapshot, chunk, data, done };
  if (!done) return;
  core.installing = snapshot;
  follower.receiving = undefined;
  wantChunk(core, snapshot.last, chunk + 1);
}

function wantChunk(core: Core, last: EntryId, next: number): void {
  const { leader } = core;
  if (leader === undefined) return;
  core.reply({
    kind: "snapshot-chunk-reply",
    from: core.id,
    to: leader,
    term: core.term,
    last,
    next,
  });
}

export function onSnapshotWritten(core: Core, last: EntryId, chunk: number): void {
  if (core.role.kind !== "follower") return;
  const { receiving } = core.role;
  if (receiving?.writing !== true || receiving.next !== chunk) return;
  if (!isSame(receiving.snapshot.last, last)) return;
  receiving.writing = false;
  receiving.next = chunk + 1;
  wantChunk(core, last, receiving.next);
}

export function onSnapshotRejected(core: Core, last: EntryId): void {
  if (core.installing !== undefined && isSame(core.installing.last, last)) {
    core.installing = undefined;
  }
  if (core.role.kind !== "follower") return;
  const { receiving } = core.role;
  if (receiving !== undefined && isSame(receiving.snapshot.last, last)) {
    core.role.receiving = undefined;
  }
  wantChunk(core, last, 0);
  handOutCommitted(core);
}

/** S4. */
export function onSnapshotInstalled(core: Core, { last }: SnapshotId): void {
  const { installing } = core;
  if (installing === undefined || !isSame(installing.last, last)) return;
  assert(last.index > core.commit, "S2: an installed snapshot is ahead of the commit index");
  core.installing = undefined;
  core.fetchingFrom = undefined;
  core.fetchGate = 0;
  core.log.reset(last);
  core.memberships.reset(last.index, installing.membership);
  core.advanceCommit(last.index);
  core.handedOut = last.index;
  core.applied = last.index;
  const { leader } = core;
  if (leader !== undefined && leader !== core.id) acceptAppend(core, leader, last, last.index);
}

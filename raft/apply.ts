// From the commit index to the state machine.
//   AP1. Entries are handed out in index order, each once, and only when committed *and* durable here: a state machine must
//        not be ahead of the log that it would be rebuilt from.
//   AP2. While a snapshot is being installed nothing is handed out (E2).
//   AP3. What is not in memory (after a restart) is fetched, in pieces, at most two of them unapplied.

import { assert, must } from "./assert.ts";
import type { Core } from "./core.ts";
import { isSlice } from "./log.ts";
import type { Entry } from "./types.ts";

export function handOutCommitted(core: Core): void {
  if (core.installing !== undefined) return;
  const { log } = core;
  const through = Math.min(core.commit, log.durable);
  let next = core.handedOut + 1;
  if (next > through) return;
  if (next < log.windowFirst) {
    fetchCommitted(core, next, Math.min(through, log.windowFirst - 1));
    return;
  }
  for (; next <= through; next += 1) {
    core.out.committed.push(must(log.entryAt(next), "L5: unapplied entries stay"));
  }
  core.handedOut = through;
}

function fetchCommitted(core: Core, from: number, through: number): void {
  if (core.fetchingFrom !== undefined || core.applied < core.fetchGate) return;
  core.fetchingFrom = from;
  core.out.fetches.push({ for: core.id, from, through, bytesMax: core.config.appendBytesMax });
}

/** Answer to the fetch for this node itself. */
export function onFetchedCommitted(core: Core, from: number, entries: readonly Entry[]): void {
  if (core.fetchingFrom !== from) return;
  core.fetchingFrom = undefined;
  // A snapshot has overtaken the fetch (AP2).
  if (core.installing !== undefined || from !== core.handedOut + 1) return;
  const last = must(entries.at(-1), "AP3: an unapplied entry is on disk");
  assert(isSlice(core.log.idAt(from - 1), entries, core.term), "L1: fetched entries are dense");
  assert(last.index <= Math.min(core.commit, core.log.durable), "AP1: committed and durable");
  assert(core.log.has(last), "L1: fetched entries are those of the log");
  for (const entry of entries) core.out.committed.push(entry);
  core.fetchGate = core.handedOut;
  core.handedOut = last.index;
  handOutCommitted(core);
}

export function onApplied(core: Core, index: number): void {
  if (index <= core.applied) return;
  assert(index <= core.handedOut, "T3: applied what was not handed out");
  core.applied = index;
  core.log.applied(index);
  handOutCommitted(core);
}

export function onCompacted(core: Core, index: number): void {
  if (index <= core.log.compacted.index) return;
  assert(index <= core.applied, "E8: compacted what is not applied");
  core.log.compact(index);
  core.memberships.compact(index);
}

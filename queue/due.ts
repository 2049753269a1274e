// Carries out the agendas (agenda.ts) at the beginning of an entry.

import { dueKind } from "./agenda.ts";
import { endDelay, missingToEndDelay } from "./delay.ts";
import { forgetHistory } from "./history.ts";
import { dedupRow, type DuePlace } from "./keys.ts";
import { expire, missingToExpire } from "./expiry.ts";
import type { Queue, State } from "./state.ts";
import type { Bytes } from "./store.ts";

export function carryOutDue(state: State): void {
  const { agenda, rules, clusterTime } = state;
  endWindows(state);
  for (let count = 0; count < rules.dueRowsPerEntryMax; count++) {
    const place = agenda.take(clusterTime);
    if (place === undefined) return;
    state.digest.mix(place.queueId);
    state.digest.mix(place.keySeq);
    if (place.kind === dueKind.dedup) forgetSeen(state, place);
    const queue = state.queuesById.get(place.queueId);
    if (queue !== undefined) carryOut(state, queue, place);
  }
}

function endWindows(state: State): void {
  const { windows, rules, leaseClock, digest } = state;
  for (let count = 0; count < rules.dueRowsPerEntryMax; count++) {
    const place = windows.take(leaseClock);
    if (place === undefined) return;
    digest.mix(place.queueId);
    forgetSeen(state, place);
  }
}

/** Of a queue or of a topic, and nobody else's if that is gone. */
function forgetSeen({ rows }: State, { queueId, lane }: DuePlace): void {
  rows.delete(dedupRow(queueId, lane));
}

function carryOut(state: State, queue: Queue, place: DuePlace): void {
  switch (place.kind) {
    case dueKind.delay:
      endDelay(state, queue, place);
      return;
    case dueKind.expiry:
      expire(state, queue, place);
      return;
    case dueKind.history:
      forgetHistory(state, queue, place.lane, place.keySeq);
      return;
  }
}

/** Rows that carryOutDue needs at this cluster time, besides those of the agenda itself. */
export function missingToCarryOut(state: State, clusterTime: number, missing: Set<Bytes>): void {
  for (const place of state.agenda.due(clusterTime)) {
    const queue = state.queuesById.get(place.queueId);
    if (queue === undefined) continue;
    if (place.kind === dueKind.delay) missingToEndDelay(state, queue, place, missing);
    else if (place.kind === dueKind.expiry) missingToExpire(state, queue, place, missing);
  }
}

import type { Mutant } from "../mutant.ts";

export const queueMutants: readonly Mutant[] = [
  {
    name: "wall-clock-in-apply",
    trap: "G1",
    file: "queue/machine.ts",
    find: `    state.clusterTime = this.clusterTimeAt(at);`,
    replace: `    const { Date: Clock } = globalThis as unknown as { Date: { now(): number } };
    state.clusterTime = Math.max(this.clusterTimeAt(at), Clock.now());`,
  },
  {
    name: "order-of-a-map-in-apply",
    trap: "G1",
    file: "queue/session.ts",
    find: `    const consumers = [...session.consumers.values()].sort((a, b) => a.id - b.id);`,
    replace: `    const consumers = [...session.consumers.values()];`,
  },
  {
    name: "order-in-memory-in-apply",
    trap: "G1",
    file: "queue/session.ts",
    find: `    if (x === y) return a.keySeq - b.keySeq;
    if (x.queue !== y.queue) return x.queue.id - y.queue.id;
    return x.name < y.name ? -1 : 1;`,
    replace: `    return x === y ? 0 : 0;`,
  },
  {
    name: "cluster-time-may-stand-still",
    trap: "G2",
    file: "queue/machine.ts",
    find: `    return Math.max(this.state.clusterTime + 1, Math.floor(at.time));`,
    replace: `    return Math.floor(at.time);`,
  },
  {
    name: "leases-end-with-the-leader",
    trap: "P7",
    file: "queue/machine.ts",
    find: `Math.min(passed, leaseClockStepMaxMs)`,
    replace: `Math.min(passed, Infinity)`,
  },
  {
    name: "old-token-accepted",
    trap: "P5",
    file: "queue/settle.ts",
    find: `  if (flight.token !== lease.token || flight.state !== flightState.leased) {`,
    replace: `  if (flight.state !== flightState.leased) {`,
  },
  {
    name: "settled-after-the-lease",
    trap: "P5",
    file: "queue/settle.ts",
    find: `  if (flight.token !== lease.token || flight.state !== flightState.leased) {`,
    replace: `  if (flight.token !== lease.token) {`,
  },
  {
    name: "tokens-used-twice",
    trap: "P5",
    file: "queue/grants.ts",
    find: `  flight.token = state.nextToken++;`,
    replace: `  flight.token = flight.deliveries === 2 ? state.nextToken - 1 : state.nextToken++;`,
  },
  {
    name: "redelivery-behind-what-waits",
    trap: "P3",
    file: "queue/lanes.ts",
    find: `  if (again !== undefined) return again;
  assert(`,
    replace: `  if (again !== undefined && lane.cursor > lane.tail) return again;
  assert(`,
  },
  {
    name: "key-goes-on-beside-a-message-that-backs-off",
    trap: "P3",
    file: "queue/lanes.ts",
    find: `  if (lane.stuck > 0) return false;
`,
    replace: "",
  },
  {
    name: "two-in-flight-per-key",
    trap: "P3",
    file: "queue/lanes.ts",
    find: `  return lane.leased < queue.options.maxInFlightPerKey && (`,
    replace: `  return lane.leased <= queue.options.maxInFlightPerKey && (`,
  },
  {
    name: "retry-executed-again",
    trap: "H1",
    file: "queue/session.ts",
    find: `  if (sequence < next) return repeat(session, sequence);`,
    replace: `  if (sequence < session.floor) return repeat(session, sequence);
  if (sequence < next) return "run";`,
  },
  {
    name: "expired-session-executes",
    trap: "H2",
    file: "queue/machine.ts",
    find: `    if (session === undefined) return { index: entry.index, reply: expired };`,
    replace: `    if (session === undefined)
      return { index: entry.index, reply: this.execute(undefined, 0, command) ?? expired };`,
  },
  {
    name: "sequence-gap-accepted",
    trap: "H1",
    file: "queue/session.ts",
    find: `  if (sequence > next) {`,
    replace: `  if (sequence > next + 1) {`,
  },
  {
    name: "answers-forgotten-too-early",
    trap: "P6",
    file: "queue/answers.ts",
    find: `  const until = blockOf(floor);`,
    replace: `  const until = blockOf(floor) + 1;`,
  },
  {
    name: "snapshot-without-sessions",
    trap: "E6",
    file: "node/snapshot-sender.ts",
    find: `          rows.push(row);`,
    replace: `          if (row.key.charCodeAt(0) !== 4) rows.push(row);`,
  },
  {
    name: "restored-in-another-order",
    trap: "E6",
    file: "queue/loader.ts",
    find: `    this.ready.sort((a, b) => a.ticket - b.ticket);
`,
    replace: "",
  },
  {
    name: "restored-without-retry-timers",
    trap: "E6",
    file: "queue/loader.ts",
    find: `    if (waits) this.state.timers.set(flight, flight.deadline);`,
    replace: `    if (waits && flight.attempts === 0) this.state.timers.set(flight, flight.deadline);`,
  },
  {
    name: "nack-without-an-attempt",
    trap: "O3",
    file: "queue/settle.ts",
    find: `  endLease(state, flight);
  flight.attempts++;
  flight.error = error;`,
    replace: `  endLease(state, flight);
  flight.error = error;`,
  },
  {
    name: "release-costs-an-attempt",
    trap: "O3",
    file: "queue/settle.ts",
    find: `      endLease(state, flight);
      grantAgain(state, flight, "release");`,
    replace: `      endLease(state, flight);
      flight.attempts++;
      grantAgain(state, flight, "release");`,
  },
  {
    name: "exhausted-message-dropped",
    trap: "P8",
    file: "queue/exhaustion.ts",
    find: `  } else if (queue.options.onExhausted === "discard") {`,
    replace: `  } else if (queue.options.onExhausted !== "park") {`,
  },
  {
    name: "dead-letter-never-written",
    trap: "P8",
    file: "queue/exhaustion.ts",
    find: `    writeLetter(state, target, lane, keySeq, { cause, attempts, error });
`,
    replace: "",
  },
  {
    name: "dead-letter-only-copied",
    trap: "P8",
    file: "queue/exhaustion.ts",
    find: `    queue.deadLettered++;
    settle(state, flight, by);`,
    replace: `    queue.deadLettered++;
    setFlightState(state, flight, flightState.again);
    place(state, flight.lane);`,
  },
  {
    name: "credit-never-comes-back",
    trap: "O2",
    file: "queue/grants.ts",
    find: `    consumer.inUse--;
    consumer.bytesInUse`,
    replace: `    consumer.bytesInUse`,
  },
  {
    name: "detached-sessions-get-messages",
    trap: "O2",
    file: "queue/grants.ts",
    find: `consumer.live && consumer.session.attached && hasCredit(consumer)`,
    replace: `consumer.live && hasCredit(consumer)`,
  },
  {
    name: "ended-session-keeps-its-leases",
    trap: "P8",
    file: "queue/session.ts",
    find: `    noteLease(state, flight, "session-ended");
    endLease(state, flight);`,
    replace: `    if (flight.deliveries > 1) continue;
    noteLease(state, flight, "session-ended");
    endLease(state, flight);`,
  },
  {
    name: "half-a-batch-stored",
    trap: "O1",
    file: "queue/enqueue.ts",
    find: `    if (wrong !== undefined) return refusedItem(state, wrong, at);
    bytes += message.content.length;`,
    replace: `    if (wrong !== undefined && bytes === 0) return refusedItem(state, wrong, at);
    bytes += message.content.length;`,
  },
  {
    name: "quota-off-by-one",
    trap: "O1",
    file: "queue/enqueue.ts",
    find: `  if (maxMessages > 0 && queue.messages + messages > maxMessages) {`,
    replace: `  if (maxMessages > 0 && queue.messages + messages > maxMessages + 1) {`,
  },
  {
    name: "row-of-a-settled-message-stays",
    trap: "E6",
    file: "queue/write-behind.ts",
    find: `    if (value !== undefined && !(value instanceof Uint8Array)) return;
    this.pending.rows.set`,
    replace: `    if (value !== undefined && !(value instanceof Uint8Array)) return;
    if (this.taken !== undefined) return;
    this.pending.rows.set`,
  },
  {
    name: "batch-forgotten-while-it-is-written",
    trap: "F6",
    file: "queue/write-behind.ts",
    find: `      if (second !== undefined) return second;`,
    replace: `      if (second !== undefined) return undefined;`,
  },
  {
    name: "messages-forgotten-while-they-are-written",
    trap: "F6",
    file: "queue/messages.ts",
    find: `    return of.fresh?.at(keySeq) ?? of.taken?.at(keySeq);`,
    replace: `    return of.fresh?.at(keySeq);`,
  },
  {
    name: "run-goes-with-its-first-message",
    trap: "P8",
    file: "queue/message-run.ts",
    find: `    if (live > 1) {`,
    replace: `    if (live > 64) {`,
  },
  {
    name: "run-of-settled-messages-stays",
    trap: "P8",
    file: "queue/messages.ts",
    find: `    this.rows.delete(runRow(lane.queue.id, lane.name, emptied));`,
    replace: ``,
  },
  {
    name: "what-comes-back-lies-in-its-old-run",
    trap: "O5",
    file: "queue/messages.ts",
    find: `      of.alone = withValue(of.alone, keySeq);
    }
    this.rows.putBack`,
    replace: `    }
    this.rows.putBack`,
  },
  {
    name: "runs-are-deleted-with-the-range-before-them",
    trap: "P8",
    file: "queue/take-writes.ts",
    find: `  state.rows.take(writes, writer);
  state.messages.take(writes, writer);`,
    replace: `  state.messages.take(writes, writer);
  state.rows.take(writes, writer);`,
  },
  {
    name: "windows-end-with-a-jump",
    trap: "P9",
    file: "queue/due.ts",
    find: `    const place = windows.take(leaseClock);`,
    replace: `    const place = windows.take(leaseClock + 3_600_000);`,
  },
  {
    name: "old-windows-on-the-new-clock",
    trap: "G5",
    file: "queue/dedup.ts",
    find: `  const clock = reader.done ? "cluster-time" : "lease-clock";`,
    replace: `  const clock: Clock = "lease-clock";`,
  },
  {
    name: "new-clock-before-the-raise",
    trap: "G5",
    file: "queue/dedup.ts",
    find: `state.version >= leaseClockWindowsSince ?`,
    replace: `state.version >= leaseClockWindowsSince - 1 ?`,
  },
  {
    name: "no-lane-told-at-the-raise",
    trap: "G5",
    file: "queue/messages.ts",
    find: `        this.state.changedLane(lane);`,
    replace: ``,
  },
  {
    name: "runs-before-the-raise",
    trap: "G5",
    file: "queue/messages.ts",
    find: `    return this.state.version >= runsSince && !isDelayedLane(lane);`,
    replace: `    return !isDelayedLane(lane);`,
  },
  {
    name: "bundle-goes-with-its-first-message",
    trap: "P8",
    file: "queue/bundle.ts",
    find: `    return bundle.live === 0 && this.all.delete(bundle.number);`,
    replace: `    return this.all.delete(bundle.number);`,
  },
  {
    name: "bundle-of-settled-messages-stays",
    trap: "P8",
    file: "queue/messages.ts",
    find: `    this.rows.delete(bundleRow(id, bundle.number));`,
    replace: ``,
  },
  {
    name: "what-a-bundle-told-stays",
    trap: "E6",
    file: "queue/messages.ts",
    find: `    if (bundle.tells) this.rows.delete(bundleTellsRow(lanePrefix, bundle.number));`,
    replace: ``,
  },
  {
    name: "lane-as-told-before-its-own-row",
    trap: "P2",
    file: "queue/loader.ts",
    find: `tailOfLane(told) > tailOfLane(value);`,
    replace: `tailOfLane(told) >= tailOfLane(value);`,
  },
  {
    name: "lane-as-in-its-old-row",
    trap: "P8",
    file: "queue/loader.ts",
    find: `    this.restoreLane(queue, name, isOld ? told : value);`,
    replace: `    this.restoreLane(queue, name, value);`,
  },
  {
    name: "lane-as-told-by-the-older-bundle",
    trap: "P8",
    file: "queue/loader.ts",
    find: `      if (other === undefined || tailOfLane(row) > tailOfLane(other)) lanes.set(name, row);`,
    replace: `      if (other === undefined) lanes.set(name, row);`,
  },
  {
    name: "lane-with-runs-is-not-told",
    trap: "P8",
    file: "queue/message-batch.ts",
    find: `    if (lane.isExtended) this.state.changedLane(lane);`,
    replace: ``,
  },
  {
    name: "bundles-before-the-raise",
    trap: "G5",
    file: "queue/message-batch.ts",
    find: `  return version >= bundlesSince && pool === undefined`,
    replace: `  return version >= bundlesSince - 1 && pool === undefined`,
  },
  {
    name: "purge-of-a-key-takes-the-queue",
    trap: "P8",
    file: "queue/purge.ts",
    find: `  if (laneName !== undefined && queue.options.ordering !== "key") {`,
    replace: `  if (laneName !== undefined && queue.options.ordering !== "key") return purge(state, queueName, undefined, dryRun);
  if (laneName !== undefined && queue.options.ordering !== "key") {`,
  },
];

import type { Mutant } from "../mutant.ts";

export const nodeMutants: readonly Mutant[] = [
  {
    name: "applied-index-in-a-write-of-its-own",
    trap: "F6",
    file: "node/applier.ts",
    find: `      await this.#store.write(this.#machine.takeWrites());`,
    replace: `      const writes = this.#machine.takeWrites();
      await this.#store.write(writes.slice(-1));
      await this.#store.write(writes.slice(0, -1));`,
  },
  {
    name: "compacted-before-the-store-is-flushed",
    trap: "E8",
    file: "node/applier.ts",
    find: `    await this.#store.flush();
    return index;`,
    replace: `    return index;`,
  },
  {
    name: "compacted-beyond-what-is-stored",
    trap: "E8",
    file: "node/applier.ts",
    find: `    const index = this.#storedIndex;
    this.#unflushedBytes = 0;`,
    replace: `    const index = this.#machine.appliedIndex;
    this.#unflushedBytes = 0;`,
  },
  {
    name: "store-failure-ignored",
    trap: "F2",
    file: "node/applier.ts",
    find: `      if (this.#unflushedBytes >= flushBytes) this.#flushing ??= this.#flush();
    } catch (error) {
      this.#fail(error);
    }`,
    replace: `      if (this.#unflushedBytes >= flushBytes) this.#flushing ??= this.#flush();
    } catch {
      // Next time, perhaps.
    }`,
  },
  {
    name: "differing-replica-goes-on",
    trap: "R9",
    file: "node/peer-report.ts",
    find: `    if (verdict.kind === "wrong") failed(new StateDiffers(id, verdict));
`,
    replace: "",
  },
  {
    name: "right-replica-stops",
    trap: "R9",
    file: "node/digest-check.ts",
    find: `      (ids) => ids.filter((id) => voters.includes(id)).length >= quorumOf(voters.length),`,
    replace: `      (ids) => ids.filter((id) => voters.includes(id)).length >= 1,`,
  },
  {
    name: "rules-raised-over-a-silent-member",
    trap: "G5",
    file: "node/peer-report.ts",
    find: `this.of(id)?.rulesVersionMax ?? 0),`,
    replace: `this.of(id)?.rulesVersionMax ?? Infinity),`,
  },
  {
    name: "newer-rules-guessed",
    trap: "G5",
    file: "queue/upgrade.ts",
    find: `  if (version > state.rules.versionMax)
    throw new NewerRules(\`the cluster was raised to version \${version} of the rules\`);
`,
    replace: "",
  },
  {
    name: "full-disk-takes-more",
    trap: "F9",
    file: "node/node.ts",
    find: `    if (!space.low && !this.#reports.quorumLow) return undefined;`,
    replace: `    if (!space.low || this.#reports.quorumLow || space.low) return undefined;`,
  },
  {
    name: "watermark-flutters",
    trap: "F9",
    file: "node/disk-space.ts",
    find: `    const low = free < (this.#low ? min + Math.ceil(min / 8) : min);`,
    replace: `    const low = free < min;`,
  },
  {
    name: "rocksdb-write-ahead-log-believed",
    trap: "F5",
    file: "node/rocks-store.ts",
    find: `    await forgetWriteAheadLog(directory);
`,
    replace: "",
  },
  {
    name: "manifest-not-looked-at",
    trap: "F7",
    file: "node/rocks-store.ts",
    find: `    if (damage !== undefined)
      throw new CorruptStore(`,
    replace: `    if (damage?.offset === -1)
      throw new CorruptStore(`,
  },
  {
    name: "timeout-reported-as-failure",
    trap: "H3",
    file: "node/proposer.ts",
    find: `      for (const respond of batch.waiting) respond?.({ kind: "unknown" });
    for (const one of waiting)`,
    replace: `      for (const respond of batch.waiting) respond?.({ kind: "not-leader" });
    for (const one of waiting)`,
  },
  {
    name: "calls-forgotten-on-step-down",
    trap: "H4",
    file: "node/proposer.ts",
    find: `    for (const batch of inFlight)
      for (const respond of batch.waiting) respond?.({ kind: "unknown" });`,
    replace: `    inFlight.length = 0;`,
  },
  {
    name: "answers-to-another-leaders-entry",
    trap: "H4",
    file: "node/proposer.ts",
    find: `    if (batch?.id.index !== id.index || batch.id.term !== id.term) return undefined;`,
    replace: `    if (batch?.id.index !== id.index) return undefined;`,
  },
  {
    name: "nobody-takes-turns",
    trap: "B1",
    file: "node/fair-queue.ts",
    find: `turn < quantumBytes &&`,
    replace: `turn < Infinity &&`,
  },
  {
    name: "turns-mix-a-session-up",
    trap: "B1",
    file: "node/proposer.ts",
    find: `    if (origin.session !== this.#session) this.#cutPiece();`,
    replace: ``,
  },
  {
    name: "everybody-is-held",
    trap: "PA1",
    file: "node/pacing.ts",
    find: `this.#all.mean >= busySettlements`,
    replace: `this.#all.mean >= 0`,
  },
  {
    name: "busy-at-its-most",
    trap: "PA1",
    file: "node/pacing.ts",
    find: `this.mean * kept + this.#underWay * (1 - kept)`,
    replace: `Math.max(this.mean * kept, this.#underWay)`,
  },
  {
    name: "held-for-consumers-that-take-their-time",
    trap: "PA1",
    file: "node/pacing.ts",
    find: `    return meter.mean >= leases * waitingShare;`,
    replace: `    return true;`,
  },
  {
    name: "held-for-one-queue-of-several",
    trap: "PA1",
    file: "node/pacing.ts",
    find: `queues.every((queue) => this.#isAhead(queue))`,
    replace: `queues.some((queue) => this.#isAhead(queue))`,
  },
  {
    name: "a-hold-ends-with-the-consumers-only",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `clock.after(this.#turnsEndMs - now,`,
    replace: `clock.after(60_000,`,
  },
  {
    name: "a-hold-ends-with-its-turn-only",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `Math.min(beginsMs + total / perMs, now + holdMsMax)`,
    replace: `beginsMs + total / perMs`,
  },
  {
    name: "more-is-given-back-than-was-taken",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `turnMs: this.#turnsEndMs - beginsMs,`,
    replace: `turnMs: total / perMs,`,
  },
  {
    name: "forgotten-while-under-way",
    trap: "PA1",
    file: "node/pacing.ts",
    find: `this.#underWay === 0 && this.#begun === 0 && now`,
    replace: `now`,
  },
  {
    name: "held-to-the-floor",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `Math.max(enqueueFloor / 1_000, this.#all.rate * paceShare)`,
    replace: `enqueueFloor / 1_000`,
  },
  {
    name: "consumers-do-not-end-a-hold",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `      if (this.#isToHold(held.queues)) continue;`,
    replace: `      if (this.#all.mean >= busySettlements) continue;`,
  },
  {
    name: "turns-are-not-given-back",
    trap: "PA2",
    file: "node/pacing.ts",
    find: `    this.#turnsEndMs -= held.turnMs;`,
    replace: ``,
  },
  {
    name: "who-settles-is-held",
    trap: "PA1",
    file: "node/grpc/stream-service.ts",
    find: `    if (!isIntake(said)) this.#onlyEnqueues = false;`,
    replace: ``,
  },
  {
    name: "an-ended-stream-keeps-its-turn",
    trap: "PA2",
    file: "node/grpc/stream-service.ts",
    find: `    this.#heldToPace?.end();`,
    replace: ``,
  },
  {
    name: "a-batch-counts-as-one",
    trap: "PA2",
    file: "node/grpc/stream-service.ts",
    find: `command.op === "enqueue" ? 1 : command.messages.length`,
    replace: `1`,
  },
  {
    name: "a-held-stream-is-read-on",
    trap: "PA3",
    file: "node/grpc/stream-service.ts",
    find: `if (this.#heldBackByNode || this.#heldBackByOutbox || this.#heldToPace !== undefined) return;`,
    replace: `if (this.#heldBackByNode || this.#heldBackByOutbox) return;`,
  },
  {
    name: "ahead-of-some-consumers",
    trap: "PA1",
    file: "queue/browse.ts",
    find: `return takers.first === undefined && selective.first === undefined ?`,
    replace: `return takers.first === undefined ?`,
  },
  {
    name: "answered-twice",
    trap: "R10",
    file: "node/proposer.ts",
    find: `    batch.waiting[ordinal] = undefined;
`,
    replace: "",
  },
  {
    name: "receives-forgotten-on-step-down",
    trap: "H4",
    file: "node/waiting.ts",
    find: `    for (const respond of receives) respond({ kind: "unknown" });`,
    replace: `    receives.length = 0;`,
  },
  {
    name: "read-served-before-it-is-applied",
    trap: "D7",
    file: "node/waiting.ts",
    find: `      if (read.index === undefined || read.index > index) continue;`,
    replace: `      if (read.index === undefined) continue;`,
  },
  {
    name: "messages-after-persist-sent-at-once",
    trap: "R2",
    file: "node/consensus.ts",
    find: `    if (this.#persisting === undefined) this.#events.send(messages);`,
    replace: `    if (this.#persisting === undefined || messages.length > 0) this.#events.send(messages);`,
  },
  {
    name: "election-on-a-stalled-event-loop",
    trap: "I3",
    file: "node/clock.ts",
    find: `        carried = due > ticksPerWakeMax ? 0 : carried - due;
        for (let i = 0; i < Math.min(due, ticksPerWakeMax); i += 1) tick();`,
    replace: `        carried -= due;
        for (let i = 0; i < due; i += 1) tick();`,
  },
  {
    name: "tick-before-what-waits-is-read",
    trap: "I3",
    file: "node/clock.ts",
    find: `    clock.soon(() => {
      clock.soon(() => {
        waiting = false;`,
    replace: `    void Promise.resolve().then(() => {
      void Promise.resolve().then(() => {
        waiting = false;`,
  },
  {
    name: "wall-clock-stamps",
    trap: "P9",
    file: "node/leadership.ts",
    find: `    return Math.floor(this.#anchorWall + this.#clock.monotonicMs() - this.#anchorMonotonic);`,
    replace: `    return Math.floor(this.#clock.wallMs() + 0 * this.#anchorWall * this.#anchorMonotonic);`,
  },
  {
    name: "time-stands-still-without-traffic",
    trap: "G2",
    file: "node/leadership.ts",
    find: `    if (passed < Math.min(waits, tickAtLeastMs)) return;`,
    replace: `    if (passed < Infinity) return;`,
  },
  {
    name: "log-reset-before-the-state-is-adopted",
    trap: "E5",
    file: "node/replica.ts",
    find: `    const { state, chain } = await this.#receiver.install(snapshot, this.#applier.store);
    await this.#ports.log.reset(snapshot, chain);`,
    replace: `    const chainNow = await this.#ports.log.readChain(this.#ports.log.lastIndex);
    await this.#ports.log.reset(snapshot, chainNow ?? 0);
    const { state } = await this.#receiver.install(snapshot, this.#applier.store);`,
  },
  {
    name: "snapshot-adopted-before-it-is-flushed",
    trap: "E5",
    file: "node/state-directory.ts",
    find: `    await store.flush();
    const next`,
    replace: `    const next`,
  },
  {
    name: "snapshot-chunk-checksum-not-looked-at",
    trap: "F7",
    file: "node/snapshot-chunk.ts",
    find: `  if (chunk.readUInt32LE(0) !== crc32c(chunk.subarray(4))) return undefined;`,
    replace: ``,
  },
  {
    name: "chunks-of-two-transfers-mixed",
    trap: "E3",
    file: "node/snapshot-receiver.ts",
    find: `      incoming.chain !== decoded.chain ||
      incoming.sum !== decoded.before`,
    replace: `      incoming.chain !== decoded.chain`,
  },
  {
    name: "log-and-state-of-different-times-accepted",
    trap: "F7",
    file: "node/open-log.ts",
    find: `  if (applied >= first - 1 && applied <= restored.lastIndex) return;`,
    replace: `  if (applied >= 0 || first > restored.lastIndex) return;`,
  },
  {
    name: "apply-backlog-without-bound",
    trap: "I7",
    file: "node/node.ts",
    find: `    return this.applyBacklogBytes >= this.#config.applyBacklogBytesMax;`,
    replace: `    return this.applyBacklogBytes >= Infinity;`,
  },
  {
    name: "identity-lost-and-made-anew",
    trap: "C7",
    file: "node/identity.ts",
    find: `  if ((await disk.list(\`\${directory}/log\`)).length > 0) {`,
    replace: `  if ((await disk.list(\`\${directory}/log\`)).length > Infinity) {`,
  },
  {
    name: "wiped-node-accepted-under-its-old-id",
    trap: "C7",
    file: "node/introduction.ts",
    find: `  if (known !== undefined && known.incarnation !== incarnation)`,
    replace: `  if (known !== undefined && known.incarnation === "")`,
  },
  {
    name: "removed-number-used-again",
    trap: "C7",
    file: "node/introduction.ts",
    find: `  if (circle.isRemoved(peer))`,
    replace: `  if (circle.isRemoved(-peer))`,
  },
  {
    name: "compacted-while-a-snapshot-is-opened",
    trap: "X1",
    file: "node/snapshot-sender.ts",
    find: `    this.#opening += 1;`,
    replace: `    this.#opening += 0;`,
  },
];

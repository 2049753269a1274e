// A random history of a log, and what the log may look like after a crash anywhere in it: the state after some step,
// none earlier than the last one acknowledged. Steps are finer than calls: hard state, each entry cut, each entry added.

import type { Entry, HardState, Membership, Persist } from "../../../raft/index.ts";
import { crc32c } from "../../../node/log/crc.ts";
import { DurableLog } from "../../../node/log/index.ts";
import type { Disk, DurableLogOptions, OpenedLog } from "../../../node/log/index.ts";

export const directory = "data/log";

/** Memberships in these tests are one voter, as text. */
function encodeMembership(voter: number): Buffer {
  return Buffer.from(`member ${voter}`);
}

export function decodeMembership(payload: Uint8Array): Membership {
  const match = /^member (\d+)$/.exec(Buffer.from(payload).toString());
  if (match === null) throw new Error("not a membership");
  return { voters: [Number(match[1])], learners: [], context: "" };
}

/** Small limits, so that short histories roll segments, split groups and let the guard lag. */
export const smallLimits: DurableLogOptions = {
  decodeMembership,
  initialMembership: { voters: [1], learners: [], context: "" },
  segmentBytes: 1500,
  groupBytesMax: 2000,
  guardLagEntries: 7,
  guardLagBytes: 1200,
  recentChains: 16,
  now: () => 0,
  nonce: () => 4,
};

/** Written from the format's description, not with its code. */
export function nextChain(chain: number, { index, term, kind, payload }: Entry): number {
  const bytes = Buffer.alloc(21);
  bytes.writeUInt32LE(payload.byteLength, 0);
  bytes.writeUInt32LE(crc32c(payload), 4);
  bytes.writeUIntLE(index, 8, 6);
  bytes.writeUIntLE(term, 14, 6);
  bytes.writeUInt8(["noop", "command", "membership"].indexOf(kind) + 1, 20);
  return crc32c(bytes, chain);
}

interface Base {
  readonly index: number;
  readonly term: number;
  readonly chain: number;
  readonly membership: Membership;
}

export interface LogModel {
  readonly hardState: HardState;
  readonly base: Base;
  /** The entry after the base first. */
  readonly entries: readonly Entry[];
}

const emptyModel: LogModel = {
  hardState: { term: 0, vote: undefined },
  base: { index: 0, term: 0, chain: 0, membership: { voters: [1], learners: [], context: "" } },
  entries: [],
};

function lastIndex({ base, entries }: LogModel): number {
  return base.index + entries.length;
}

function chainThrough({ base, entries }: LogModel, index: number): number {
  return entries.slice(0, index - base.index).reduce(nextChain, base.chain);
}

/** Two models with equal text are equal. */
export function describeModel({ hardState, base, entries }: LogModel): string {
  const list = entries.map(
    ({ index, term, kind, payload }) =>
      `${index}@${term} ${kind} ${payload.byteLength}:${crc32c(payload)}`,
  );
  return JSON.stringify([hardState.term, hardState.vote ?? 0, base, list]);
}

/** What a log that was just opened holds, read back entry by entry. */
export async function modelOf({ log, restored }: OpenedLog): Promise<LogModel> {
  const { hardState, snapshot, lastIndex: last, termRuns, memberships } = restored;
  const entries: Entry[] = [];
  while (snapshot.last.index + entries.length < last) {
    const from = snapshot.last.index + entries.length + 1;
    entries.push(...(await log.read(from, last, 700)));
  }
  const chain = log.chainAt(snapshot.last.index);
  if (chain === undefined) throw new Error("the base has a chain");
  const model = {
    hardState,
    base: { ...snapshot.last, chain, membership: snapshot.membership },
    entries,
  };
  const runs = entries
    .filter(({ term }, at) => term !== entries[at - 1]?.term)
    .map(({ index, term }) => ({ firstIndex: index, term }));
  if (JSON.stringify(runs) !== JSON.stringify(termRuns)) throw new Error("term runs differ");
  const members = entries
    .filter(({ kind }) => kind === "membership")
    .map(({ index, payload }) => ({ index, membership: decodeMembership(payload) }));
  if (JSON.stringify(members) !== JSON.stringify(memberships))
    throw new Error("memberships differ");
  if ((await log.readChain(last)) !== chainThrough(model, last)) throw new Error("chains differ");
  return model;
}

export class Workload {
  /** States after each step so far; the first is what the history began with. */
  readonly steps: LogModel[];
  /** The step that the latest acknowledgement vouches for. */
  acknowledged = 0;

  private readonly random: () => number;
  private sequence = 0;
  private log: DurableLog | undefined;
  private outstanding: Promise<void>[] = [];

  constructor(random: () => number, begin: LogModel = emptyModel) {
    this.random = random;
    this.steps = [begin];
  }

  get model(): LogModel {
    const last = this.steps.at(-1);
    if (last === undefined) throw new Error("there is always a state");
    return last;
  }

  /** Opens the log, does `calls` random things with it, several at a time, and closes it. */
  async run(disk: Disk, calls: number): Promise<void> {
    this.log = (await DurableLog.open(disk, directory, smallLimits)).log;
    for (let call = 0; call < calls; call++) {
      if (this.random() < 0.03) {
        await this.settle();
        await this.log.close();
        this.log = (await DurableLog.open(disk, directory, smallLimits)).log;
      }
      this.act(this.log);
      if (this.random() < 0.25) await this.settle();
      else if (this.random() < 0.3) await this.outstanding[0];
    }
    await this.settle();
    await this.log.close();
  }

  private async settle(): Promise<void> {
    await Promise.all(this.outstanding);
    this.outstanding = [];
  }

  private upTo(bound: number): number {
    return Math.floor(this.random() * bound);
  }

  private note(done: Promise<void>): void {
    const step = this.steps.length - 1;
    this.outstanding.push(done.then(() => void (this.acknowledged = step)));
  }

  private act(log: DurableLog): void {
    const { model } = this;
    const { base } = model;
    const last = lastIndex(model);
    const choice = this.random();
    if (choice < 0.07 && last > base.index) {
      const through = base.index + 1 + this.upTo(last - base.index);
      const membership = { voters: [through], learners: [through + 9], context: "" };
      this.compacted(through, membership);
      if (this.random() < 0.4) {
        const snapshot = { last: { index: through, term: this.model.base.term }, membership };
        this.note(log.keepTail(snapshot, this.model.base.chain));
      } else {
        this.note(log.compact(through, membership));
      }
    } else if (choice < 0.11) {
      const index = base.index + this.upTo(last - base.index + 6);
      const term = model.hardState.term;
      const chain = this.upTo(2 ** 32);
      const membership = { voters: [2, 3], learners: [index + 4], context: "" };
      this.steps.push({ ...model, base: { index, term, chain, membership }, entries: [] });
      this.note(log.reset({ last: { index, term }, membership }, chain));
    } else {
      this.note(log.append(this.persist()));
    }
  }

  private compacted(through: number, membership: Membership): void {
    const { model } = this;
    const { base, entries } = model;
    const term = entries[through - base.index - 1]?.term ?? 0;
    const chain = chainThrough(model, through);
    const kept = entries.slice(through - base.index);
    this.steps.push({ ...model, base: { index: through, term, chain, membership }, entries: kept });
  }

  /** A random persist, with the steps it is made of. */
  private persist(): Persist {
    let hardState: HardState | undefined;
    let truncateAfter: number | undefined;
    const begin = this.model;
    const truncates = this.random() < 0.15;
    // A conflict may come long after the term that caused it: a truncation need not bring a hard state.
    if (this.random() < (truncates ? 0.5 : 0.15) || begin.hardState.term === 0) {
      hardState = { term: begin.hardState.term + 1, vote: this.random() < 0.5 ? undefined : 3 };
      this.steps.push({ ...begin, hardState });
    }
    if (truncates && begin.entries.length > 0) {
      truncateAfter = begin.base.index + this.upTo(begin.entries.length);
      while (lastIndex(this.model) > truncateAfter) {
        this.steps.push({ ...this.model, entries: this.model.entries.slice(0, -1) });
      }
    }
    const entries: Entry[] = [];
    const count = hardState !== undefined && this.random() < 0.3 ? 0 : 1 + this.upTo(4);
    for (let added = 0; added < count; added++) {
      const entry = this.entry(lastIndex(this.model) + 1, this.model.hardState.term);
      entries.push(entry);
      this.steps.push({ ...this.model, entries: [...this.model.entries, entry] });
    }
    return { sequence: ++this.sequence, hardState, truncateAfter, entries };
  }

  private entry(index: number, term: number): Entry {
    const choice = this.random();
    if (choice < 0.1) return { index, term, kind: "noop", payload: Buffer.alloc(0) };
    if (choice < 0.2) return { index, term, kind: "membership", payload: encodeMembership(index) };
    const size = this.random() < 0.1 ? 1800 : this.upTo(300);
    const payload = Buffer.alloc(size, `${index} ${term} ${this.random()}`);
    return { index, term, kind: "command", payload };
  }
}

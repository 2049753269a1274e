// What a batch takes of the messages that have come in: of lanes with many of them runs, of all others bundles.

import { assert } from "./assert.ts";
import { addToBundle, Bundled, bundleMax } from "./bundle.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { bundleRow, bundleTellsRow, runRow } from "./keys.ts";
import { encodeLane } from "./lane-row.ts";
import type { Cut, Fresh } from "./lane-messages.ts";
import { addToRun, Runs } from "./message-run.ts";
import type { Lane, Queue, State } from "./state.ts";
import type { Bytes, Write } from "./store.ts";
import { bundlesSince } from "./version.ts";

/** Of one lane. */
interface Part {
  readonly lane: Lane;
  readonly fresh: Fresh;
}

/** What goes into one bundle. */
interface Load {
  readonly queue: Queue;
  readonly parts: Part[];
  messages: number;
  bytes: number;
}

export class MessageBatch {
  private readonly state: State;
  private readonly into: Write[];
  private readonly writer: ByteWriter;
  /** Bundles that are not full. */
  private readonly loads = new Map<Queue, Load>();

  constructor(state: State, into: Write[], writer: ByteWriter) {
    this.state = state;
    this.into = into;
    this.writer = writer;
  }

  /** Everything fresh of a lane; there is something. */
  add(lane: Lane, fresh: Fresh): void {
    const { messages: few, bytes: small } = bundleMax.ofLane;
    const bytes = fresh.live <= few && isBundled(this.state, lane) ? fresh.bytes() : Infinity;
    if (bytes <= small) this.load({ lane, fresh }, bytes);
    else this.writeRuns(lane, fresh);
  }

  finish(): void {
    for (const load of this.loads.values()) this.writeBundle(load);
    this.loads.clear();
  }

  private load(part: Part, bytes: number): void {
    const { queue } = part.lane;
    let load = this.loads.get(queue);
    if (load === undefined) {
      load = { queue, parts: [], messages: 0, bytes: 0 };
      this.loads.set(queue, load);
    }
    load.parts.push(part);
    load.messages += part.fresh.live;
    load.bytes += bytes;
    if (load.messages < bundleMax.messages && load.bytes < bundleMax.bytes) return;
    this.loads.delete(queue);
    this.writeBundle(load);
  }

  private writeBundle({ queue, parts }: Load): void {
    const { into, writer } = this;
    const bundle = queue.bundles.create();
    for (const { lane, fresh } of parts) {
      const { stored } = lane;
      assert(stored !== undefined, "MS1: a message that is there lies nowhere");
      fresh.forEach((keySeq) => {
        stored.bundled = Bundled.with(stored.bundled, keySeq, bundle);
      });
      if (!lane.isExtended || lane.dirty) continue;
      bundle.tells = true;
      writer.byteString(lane.name);
      const mark = writer.lengthMark();
      encodeLane(writer, lane);
      writer.patchLength(mark);
    }
    if (bundle.tells)
      into.push({
        kind: "put",
        key: bundleTellsRow(queue.lanePrefix, bundle.number),
        value: writer.cut(),
      });
    into.push(new BundlePut(bundleRow(queue.id, bundle.number), parts, writer));
  }

  private writeRuns(lane: Lane, fresh: Fresh): void {
    const { stored, queue, name } = lane;
    assert(stored !== undefined, "MS1: a message that is there lies nowhere");
    const runs = (stored.runs ??= new Runs());
    for (const cut of fresh.runs()) {
      const first = cut.keySeqs[0] ?? 0;
      runs.add(first, cut.keySeqs.length);
      this.into.push(new RunPut(runRow(queue.id, name, first), cut, this.writer));
    }
    // No bundle tells of it.
    if (lane.isExtended) this.state.changedLane(lane);
  }
}

/** Whether messages of this lane may lie in bundles: those of keys do; other queues have few lanes (keys.ts). */
export function isBundled({ version }: State, { name, pool }: Lane): boolean {
  return version >= bundlesSince && pool === undefined && name !== "";
}

/**
 * A run that is put into the store. Its bytes are gathered when the store asks for them, a few runs in each turn of the event
 * loop: nothing of a batch changes after it was taken, and all its runs at once are some hundred thousand messages.
 */
class RunPut {
  readonly kind = "put";
  readonly key: Bytes;
  private readonly cut: Cut;
  private readonly writer: ByteWriter;

  constructor(key: Bytes, cut: Cut, writer: ByteWriter) {
    this.key = key;
    this.cut = cut;
    this.writer = writer;
  }

  get value(): Uint8Array {
    const { arena, keySeqs, places } = this.cut;
    let last = keySeqs[0] ?? 0;
    for (const [at, keySeq] of keySeqs.entries()) {
      addToRun(this.writer, last, keySeq, arena.piece(places[at] ?? 0));
      last = keySeq;
    }
    return this.writer.cut();
  }
}

/** A bundle that is put into the store, as RunPut. */
class BundlePut {
  readonly kind = "put";
  readonly key: Bytes;
  private readonly parts: readonly Part[];
  private readonly writer: ByteWriter;

  constructor(key: Bytes, parts: readonly Part[], writer: ByteWriter) {
    this.key = key;
    this.parts = parts;
    this.writer = writer;
  }

  get value(): Uint8Array {
    const { parts, writer } = this;
    for (const { lane, fresh } of parts) {
      fresh.forEach((keySeq, place) => {
        addToBundle(writer, lane.name, keySeq, fresh.arena.piece(place));
      });
    }
    return writer.cut();
  }
}

// What rows say, whatever runs and bundles the messages were put into (W5): equal for nodes that applied the same log.

import { ByteWriter } from "../../queue/byte-writer.ts";
import { Loader, loadRange } from "../../queue/index.ts";
import type { MessagePlace, Rules, StoredMessage } from "../../queue/index.ts";
import { family, laneRow } from "../../queue/keys.ts";
import { encodeLane } from "../../queue/lane-row.ts";
import { encodeMessage } from "../../queue/message-row.ts";
import type { Lane } from "../../queue/state.ts";
import { isDelayedLane, isThere } from "../../queue/waiting.ts";

export interface StoredState {
  /** By their keys; messages by their places. */
  readonly rows: ReadonlyMap<string, string>;
  /** Places as they are given outside. */
  readonly messages: readonly (readonly [MessagePlace, StoredMessage])[];
}

const cut: readonly string[] = [family.lane, family.message, family.run, family.bundle];

/** `stored`: all rows of a state, sorted. @throws when a row that must be there is not, or says nonsense. */
export function logicalRows(stored: ReadonlyMap<string, Uint8Array>, rules?: Rules): StoredState {
  const loader = new Loader(undefined, rules);
  const rows = new Map<string, string>();
  for (const [key, value] of stored) {
    if (key < loadRange.to) loader.row(key, value);
    if (!cut.includes(key.charAt(0))) rows.set(key, latin1(value));
  }
  const messages: [MessagePlace, StoredMessage][] = [];
  const machine = loader.finish();
  for (const queue of machine.state.queues.values()) {
    for (const lane of queue.lanes.values()) {
      for (const keySeq of keySeqsOf(lane)) {
        const at = machine.state.messages.storedAt(lane, keySeq);
        const message = at.read(stored.get(at.row));
        if (message === undefined && isDelayedLane(lane)) continue;
        if (message === undefined) throw new Error(`a message is not in its row: ${keySeq}`);
        const place = machine.placeOutside({ queueId: queue.id, lane: lane.name, keySeq });
        messages.push([place, message]);
        rows.set(
          `message ${queue.id}/${lane.name}/${keySeq}`,
          bytesOf((to) => encodeMessage(to, message)),
        );
      }
      lane.stored = undefined;
      rows.set(
        laneRow(queue.lanePrefix, lane.name),
        bytesOf((to) => encodeLane(to, lane)),
      );
    }
  }
  return { rows, messages };
}

function keySeqsOf(lane: Lane): number[] {
  const found: number[] = [];
  for (let keySeq = 1; keySeq <= lane.tail; keySeq++) {
    if (isDelayedLane(lane) || isThere(lane, keySeq)) found.push(keySeq);
  }
  return found;
}

function bytesOf(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(64);
  write(writer);
  return latin1(writer.cut());
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

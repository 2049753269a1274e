// Runs a history entry by entry, and has the model look on.

import { expect } from "vitest";
import {
  decodeHistoryEvent,
  messageIdOfRow,
  partsOfMessageRow,
  rulesVersionMax,
  standardRules,
  StoredAt,
} from "../../../queue/index.ts";
import type { Row, Rules } from "../../../queue/index.ts";
import { family, historyPrefix, messagePrefix, messageRow, readU32 } from "../../../queue/keys.ts";
import { headsOf } from "../../../queue/bundle.ts";
import { messagesOfRun } from "../../../queue/message-run.ts";
import { nobody, payloadOf, Replica, text, type Call, type Outcome } from "../harness.ts";
import { Model } from "../model/model.ts";
import type { Seen } from "../model/publish.ts";
import type { Letter } from "../model/world.ts";
import { History } from "./history.ts";
import { queueNames, subscriptions, topicNames } from "./queues.ts";
import type { Move } from "./steps.ts";

/** Bounds so small that histories reach them. */
export const smallRules: Rules = {
  ...{ ...standardRules, topicBlockMessagesMax: 3, catchUpMessagesMax: 2 },
  catchUpSubscriptionsMax: 1,
};

/** Smaller still: the model does not know what then waits for the next entry, or is refused. */
export const tinyRules: Rules = { ...smallRules, dueRowsPerEntryMax: 2, spansPerLaneMax: 1 };

export type Apply = (
  payload: Uint8Array,
  index: number,
  calls: readonly Call[],
  stamp: number,
) => Promise<Outcome>;

export async function run(list: readonly Move[], apply: Apply, equalSizes = false): Promise<void> {
  const history = new History(equalSizes);
  const entry = async (calls: readonly Call[], ms: number): Promise<void> => {
    history.time += ms;
    const payload = payloadOf(calls, history.time);
    history.learn(await apply(payload, ++history.index, calls, history.time), calls);
  };
  const raise = (version: number): Call => [nobody, { kind: "raise-version", version }];
  // Every fourth history has its last upgrade in the middle.
  const old = list.length % 4 === 0;
  await entry([raise(old ? rulesVersionMax - 1 : rulesVersionMax)], 1);
  await entry(history.opening(), 1);
  let left = old ? list.length / 2 : Infinity;
  for (const { steps, ms } of history.entries(list)) {
    await entry(history.calls(steps), ms);
    if (--left === 0) await entry([raise(rulesVersionMax)], 1);
  }
}

/** The message_id of what a letter was before. */
function nameOf({ queueId, lane, number }: Letter): string {
  return messageIdOfRow(messageRow(messagePrefix(queueId), lane, number));
}

/** A replica, and the model that judges what it does. */
export class Judged {
  readonly replica: Replica;
  readonly model: Model;

  constructor(rules: Rules, equalSizes: boolean) {
    this.model = new Model(rules);
    this.replica = Replica.empty(undefined, rules, 0);
    this.model.world.equalSizes = equalSizes;
  }

  async apply(
    payload: Uint8Array,
    index: number,
    calls: readonly Call[],
    stamp: number,
  ): Promise<Outcome> {
    const { replica, model } = this;
    const seen: Seen[] = [];
    const outcome = await replica.apply(payload, index, () => seen.push(this.topics()));
    model.entry({ index, stamp, calls, ...outcome, seen });
    for (const name of queueNames) model.compare(replica.machine.queueInfo(name), name);
    for (const name of topicNames) model.compareTopic(replica.machine.topicInfo(name), name);
    model.compareDeadline(replica.machine.nextDeadline());
    expect(model.faults).toEqual([]);
    return outcome;
  }

  private topics(): Seen {
    const first = new Map<string, number>();
    const catchingUpFrom = new Map<string, number>();
    const { machine } = this.replica;
    for (const topic of machine.listTopics()) first.set(topic.name, topic.first);
    for (const name of Object.keys(subscriptions)) {
      const info = machine.queueInfo(name)?.subscription;
      if (info !== undefined) catchingUpFrom.set(name, info.catchingUpFrom);
    }
    return { first, catchingUpFrom };
  }

  /** P8, X1: every message that was not settled lies where it should, with its body and its reason; and no other does. */
  async everyMessageIsThere(): Promise<void> {
    const { model, replica } = this;
    let count = 0;
    for (const queue of model.world.queues.values()) {
      for (const [name, { count: ever, messages }] of queue.lanes) {
        for (let number = 1; number <= ever; number++) {
          const place = { queueId: queue.id, lane: name, keySeq: number };
          const stored = await replica.message(replica.machine.placeOutside(place));
          const one = messages.find((message) => message.number === number);
          expect(stored !== undefined, `${queue.name}/${name}/${number}`).toBe(one !== undefined);
          if (stored === undefined || one === undefined) continue;
          count++;
          expect(text(stored.content)).toBe(one.body);
          expect(stored.key).toBe(one.key);
          expect(stored.seq).toBe(one.seq);
          expect(stored.priority).toBe(one.priority);
          const { cause, attempts, error, queue: from, messageId } = stored.deadLetter ?? {};
          const { letter } = one;
          expect([cause, attempts, error, from, messageId]).toEqual([
            ...[letter?.cause, letter?.attempts, letter?.error, letter?.queue],
            letter === undefined ? undefined : nameOf(letter),
          ]);
        }
      }
    }
    if (replica.machine.writeBehindBytes > 0) return;
    const image = await replica.image();
    this.everyStoryIsThere(image);
    const retained = [...model.world.topics.values()].flatMap((topic) => topic.retained).length;
    expect(image.filter((row) => row.key.startsWith("\x44"))).toHaveLength(retained);
    expect(this.messagesIn(image)).toBe(count);
  }

  /** Messages of the rows that the model knows, too; every row has one. */
  private messagesIn(image: readonly Row[]): number {
    let count = image.filter(({ key }) => key.startsWith(family.message)).length;
    for (const { key, value } of image.filter((row) => row.key.startsWith(family.bundle))) {
      const { machine } = this.replica;
      const there = [...headsOf(value)].filter(({ lane, keySeq }) => {
        const found = machine.message({ queueId: readU32(key, 1), lane, keySeq });
        return found instanceof StoredAt && found.row === key;
      });
      expect(there.length, "a bundle of which nothing is left").toBeGreaterThan(0);
      count += there.length;
    }
    for (const { key, value } of image.filter((row) => row.key.startsWith(family.run))) {
      const first = partsOfMessageRow(key);
      if (first === undefined) throw new Error("a run without a place");
      const { machine } = this.replica;
      const there = [...messagesOfRun(value, first.keySeq)].filter(([keySeq]) => {
        const found = machine.message(machine.placeOutside({ ...first, keySeq }));
        return found instanceof StoredAt && found.row === key;
      });
      expect(there.length, "a run of which nothing is left").toBeGreaterThan(0);
      count += there.length;
    }
    return count;
  }

  /** What happened to each message is written down for as long as its queue says, and no longer. */
  private everyStoryIsThere(image: readonly Row[]): void {
    const rows = image.filter((row) => row.key.startsWith("\x43"));
    let count = 0;
    for (const queue of this.model.world.queues.values()) {
      for (const [name, { events, doubtful }] of queue.stories) {
        const end = name.lastIndexOf("/");
        const prefix = historyPrefix(queue.id, name.slice(0, end), Number(name.slice(end + 1)));
        const there = rows.filter(({ key }) => key.startsWith(prefix));
        const told = there.map(({ key, value }) => decodeHistoryEvent(key, value));
        const wanted = doubtful ? events.slice(events.length - told.length) : events;
        expect(told, `${queue.name}/${name}`).toEqual(wanted);
        count += told.length;
      }
    }
    expect(rows).toHaveLength(count);
  }
}

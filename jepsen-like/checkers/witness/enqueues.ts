// Messages come in (O1): the next number of the queue and of the key, unless the name of the message was seen before.
//   N1. An answered enqueue has exactly the numbers that the log gives it.
//   N2. A refused one gives no number, and nobody ever gets that message.
//   N3. One without an answer is in, if it is in the log and nothing could refuse it; else it is in if somebody got it.

import type { Placed } from "../../history/record.ts";
import { bodyName, type Fact, type Facts } from "./facts.ts";
import type { Findings } from "./findings.ts";
import type { NewMessage, Step } from "./log.ts";
import type { Mapped } from "./map.ts";
import type { Message, Model, Named, QueueModel } from "./model.ts";

/** Whether it was carried out. */
export type Certainty = "yes" | "no" | "maybe";

/** What the parts of the replay share. */
export interface Stage {
  readonly model: Model;
  readonly facts: Facts;
  readonly findings: Findings;
  /** Commands that enqueue each body, by bodyName. */
  readonly sent: ReadonlyMap<string, number>;
}

/** Whether this command enqueued, by what is known of its outcome. */
export function certaintyOfEnqueue(
  { model, facts, sent }: Stage,
  { outcome, standing }: Mapped,
  messages: readonly NewMessage[],
): Certainty {
  if (outcome === "ok") return "yes";
  if (outcome === "refused") return "no";
  if (messages.some((message) => wasGot(facts, sent, message) !== undefined)) return "yes";
  if (standing !== "first") return "maybe";
  for (const { queue, key, plain, dedupId } of messages) {
    const target = model.queues.get(queue);
    if (target === undefined) return model.strange.has(queue) ? "maybe" : "no";
    if (target.rules.ordering === "key" && key === "") return "no";
    if (target.loose !== "" || target.rules.quota || !plain || dedupId !== "") return "maybe";
  }
  return "yes";
}

/** Where it was delivered, if this command alone can have brought it. */
export function wasGot(
  facts: Facts,
  sent: ReadonlyMap<string, number>,
  { queue, body }: NewMessage,
): Fact | undefined {
  const name = bodyName(queue, body);
  return sent.get(name) === 1 ? facts.byBody.get(name) : undefined;
}

/** `placed`: what was told of it. */
export function enqueue(
  stage: Stage,
  step: Step,
  message: NewMessage,
  certainty: Certainty,
  placed: Placed | undefined,
): void {
  const { model, facts, sent, findings } = stage;
  const queue = model.queues.get(message.queue);
  const got = wasGot(facts, sent, message);
  if (certainty === "no") {
    if (got !== undefined)
      say(
        stage,
        message,
        `N2: the enqueue of ${message.body} in entry ${step.index} was refused, and it was delivered`,
        got.time,
      );
    return;
  }
  if (queue === undefined) {
    if (certainty === "yes" && !model.strange.has(message.queue))
      findings.add({
        what: `entry ${step.index} enqueued ${message.body} into ${message.queue}, which there is not`,
        queue: message.queue,
      });
    return;
  }
  queue.changed = step.index;
  if (queue.loose !== "") return;
  if (queue.takesLetters) openCounts(queue, message.key);
  if (message.dedupId !== "" && queue.rules.dedupWindowMs > 0) {
    const seen = queue.named.get(message.dedupId);
    if (seen !== undefined && step.clock < seen.until) {
      again(stage, step, message, seen, certainty, placed);
      return;
    }
  }
  if (placed?.deduplicated === true)
    say(
      stage,
      message,
      `O1: entry ${step.index} was told to repeat a message, and there is none of its name`,
    );
  store(stage, step, queue, message, certainty, placed ?? got);
}

function openCounts(queue: QueueModel, key: string): void {
  queue.seq.open();
  queue.lane(key).last.open();
}

function store(
  stage: Stage,
  step: Step,
  queue: QueueModel,
  message: NewMessage,
  certainty: Certainty,
  known: { readonly seq: number; readonly keySeq: number } | undefined,
): void {
  const lane = queue.lane(message.key);
  if (certainty === "maybe") {
    queue.seq.maybe();
    lane.last.maybe();
    remember(queue, message, step, undefined, undefined, false);
    return;
  }
  const numbered = queue.rules.ordering !== "none";
  if (known !== undefined) {
    if (!queue.seq.fits(known.seq))
      say(
        stage,
        message,
        `N1: ${message.body}, entry ${step.index}, got seq ${known.seq}; ${queue.seq.next} is next`,
      );
    if (numbered && !lane.last.fits(known.keySeq))
      say(
        stage,
        message,
        `N1: ${message.body}, entry ${step.index}, got key_seq ${known.keySeq}; ${lane.last.next} is next`,
      );
  }
  const seq = queue.seq.add(known?.seq);
  const keySeq = lane.last.add(numbered ? known?.keySeq : undefined);
  remember(queue, message, step, seq, keySeq, true);
  if (keySeq === undefined || !numbered) return;
  lane.messages.set(keySeq, newMessage(message, step, keySeq, stage.model.proved));
}

function newMessage(
  { key, body, plain }: NewMessage,
  { time, index }: Step,
  keySeq: number,
  after: number,
): Message {
  return {
    key,
    keySeq,
    body,
    time,
    index,
    after,
    state: "there",
    mortal: !plain,
    nacks: 0,
    nacksMax: 0,
    ended: 0,
    goneAt: 0,
    goneBy: 0,
  };
}

function remember(
  queue: QueueModel,
  { key, body, dedupId }: NewMessage,
  { index, clock }: Step,
  seq: number | undefined,
  keySeq: number | undefined,
  certain: boolean,
): void {
  if (dedupId === "") return;
  const until = clock + queue.rules.dedupWindowMs;
  queue.named.set(dedupId, { key, body, seq, keySeq, index, until, certain });
}

/** Its name was seen before, within the window. */
function again(
  stage: Stage,
  step: Step,
  message: NewMessage,
  seen: Named,
  certainty: Certainty,
  placed: Placed | undefined,
): void {
  const queue = stage.model.queues.get(message.queue);
  if (queue === undefined) return;
  if (!seen.certain) {
    // Either this one repeats that one, or it is the first: and then that one, which may have been counted meanwhile, never was.
    if (certainty === "maybe" || placed === undefined) {
      queue.seq.maybe();
      queue.lane(message.key).last.maybe();
      return;
    }
    if (placed.deduplicated) {
      queue.named.set(message.dedupId, { ...seen, ...numbersOf(placed), certain: true });
      return;
    }
    store(stage, step, queue, message, "yes", placed);
    return;
  }
  if (certainty === "maybe") return;
  if (seen.key !== message.key || seen.body !== message.body) {
    say(
      stage,
      message,
      `O1: entry ${step.index} took ${message.body} under the name of ${seen.body}, entry ${seen.index}`,
    );
    return;
  }
  if (placed === undefined) return;
  if (!placed.deduplicated)
    say(
      stage,
      message,
      `O1: ${message.body} is stored twice: entries ${seen.index} and ${step.index} have one name, within its window`,
    );
  else if (differs(seen.seq, placed.seq) || differs(seen.keySeq, placed.keySeq))
    say(
      stage,
      message,
      `O1: entry ${step.index} was told seq ${placed.seq}, key_seq ${placed.keySeq}; the message has ${seen.seq ?? "?"}, ${seen.keySeq ?? "?"}`,
    );
}

function numbersOf({ seq, keySeq }: Placed): { readonly seq: number; readonly keySeq: number } {
  return { seq, keySeq };
}

function differs(known: number | undefined, told: number): boolean {
  return known !== undefined && known !== told;
}

function say({ findings }: Stage, { queue, key }: NewMessage, what: string, time?: number): void {
  findings.add({ what, queue, key, ...(time === undefined ? {} : { times: [time] }) });
}

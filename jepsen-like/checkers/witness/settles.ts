// Leases end (O3), and messages leave. A settlement that was answered with success proves that its lease was live at its entry.
//   P3. It is the first of its key that is there. P5. No newer token was given before. P6. A message leaves once.

import { placeName, type Facts } from "./facts.ts";
import type { Certainty, Stage } from "./enqueues.ts";
import type { How, LeaseName, Settle, Step } from "./log.ts";
import type { Lane, Message, QueueModel } from "./model.ts";

/** Whether nobody can have settled by this lease at this moment: it is over, or the message was given to somebody else. */
export function cannotSettle({ model, facts }: Stage, { how, lease }: Settle): boolean {
  const queue = model.queues.get(lease.queue);
  if (queue === undefined || queue.loose !== "") return false;
  const message = queue.lane(lease.key).messages.get(lease.keySeq);
  if (message?.state === "gone" || lease.token <= (message?.ended ?? 0)) return true;
  // It comes again later: it was not taken out.
  return how === "ack" && newestOf(facts, queue, lease) > lease.token;
}

/** The newest token that anybody saw of this message; 0: none. */
function newestOf(facts: Facts, queue: QueueModel, { key, keySeq }: LeaseName): number {
  return facts.byPlace.get(placeName(queue.name, queue.laneOf(key), keySeq))?.tokenMax ?? 0;
}

/** `body`: of the message that the holder meant. `already`: it was told that this lease had settled the message before. */
export function settle(
  stage: Stage,
  step: Step,
  { how, lease }: Settle,
  certainty: Certainty,
  { body, already = false }: { readonly body?: string | undefined; readonly already?: boolean },
): void {
  if (certainty === "no" || how === "extend") return;
  const { model, findings } = stage;
  const queue = model.queues.get(lease.queue);
  if (queue === undefined) {
    if (certainty === "yes" && !model.strange.has(lease.queue))
      findings.add({
        what: `entry ${step.index} settled a message of ${lease.queue}, which there is not`,
      });
    return;
  }
  queue.changed = step.index;
  if (certainty === "yes" && !already) model.proved = Math.max(model.proved, lease.token);
  if (queue.rules.ordering === "none" || queue.loose !== "") {
    count(queue, how, certainty, already);
    return;
  }
  const lane = queue.lane(lease.key);
  const message = lane.messages.get(lease.keySeq);
  if (message === undefined) {
    // One whose number is not certain may be meant; a number that was never given may not.
    if (certainty === "yes" && lease.keySeq > lane.last.high)
      say(stage, lease, `entry ${step.index} settled #${lease.keySeq}, which there never was`);
    if (certainty === "yes" && !already)
      afterwards(stage, queue, { how, lease }, `entry ${step.index}`);
    count(queue, how, certainty, already);
    return;
  }
  if (certainty === "maybe") {
    perhaps(stage, queue, message, { how, lease });
    return;
  }
  if (body !== undefined && body !== message.body)
    say(
      stage,
      lease,
      `entry ${step.index} settled #${lease.keySeq} as ${body}; it is ${message.body}, of entry ${message.index}`,
    );
  if (already) {
    repeated(stage, step, message, lease);
    return;
  }
  judge(stage, step, queue, lane, message, { how, lease });
  leave(stage, step, queue, lane, message, { how, lease });
}

function count(queue: QueueModel, how: How, certainty: Certainty, already: boolean): void {
  if (how !== "ack" || already) return;
  if (certainty === "yes") queue.acked.add();
  else queue.acked.maybe();
}

/** Nobody knows whether it took effect. */
function perhaps(stage: Stage, queue: QueueModel, message: Message, settle: Settle): void {
  if (cannotSettle(stage, settle)) return;
  if (settle.how === "ack") {
    queue.acked.maybe();
    if (message.state === "there") message.state = "maybe";
  } else if (settle.how === "nack") message.nacksMax++;
  else if (settle.how === "reject") {
    message.nacksMax++;
    if (message.state === "there" && queue.rules.onExhausted !== "park") message.state = "maybe";
  }
}

function repeated(stage: Stage, step: Step, message: Message, lease: LeaseName): void {
  const settled = message.state === "maybe" || message.goneBy === lease.token;
  const parked = message.state === "parked" && message.ended === lease.token;
  if (!settled && !parked && message.ended !== lease.token)
    say(
      stage,
      lease,
      `O3: entry ${step.index} was told that token ${lease.token} had settled #${lease.keySeq} before, and it had not`,
    );
}

/** A settlement that took effect: could it? */
function judge(
  stage: Stage,
  step: Step,
  queue: QueueModel,
  lane: Lane,
  message: Message,
  { how, lease }: Settle,
): void {
  const { keySeq, token } = lease;
  const it = `${message.body} (#${keySeq})`;
  const who = `entry ${step.index} settled ${it} by token ${token}`;
  if (message.state === "gone") {
    say(
      stage,
      lease,
      `P6: ${who}, after token ${message.goneBy} had taken it out in entry ${message.goneAt}`,
    );
    return;
  }
  if (message.state === "parked") say(stage, lease, `P5: ${who} while it was parked`);
  if (token <= message.ended)
    say(stage, lease, `P5: ${who}, whose lease was over: token ${message.ended} had ended it`);
  if (token <= message.after)
    say(
      stage,
      lease,
      `P3: ${who}, which was given before its turn: token ${message.after} was in use before that`,
    );
  afterwards(stage, queue, { how, lease }, who);
  if (!queue.isOrdered) return;
  const earlier = queue.firstThere(lane, keySeq, step.time);
  if (earlier !== undefined)
    say(stage, lease, `P3: ${who} while ${earlier.body} (#${earlier.keySeq}) before it was there`);
}

/** What was acked is never given to anybody again. */
function afterwards(stage: Stage, queue: QueueModel, { how, lease }: Settle, who: string): void {
  const newest = newestOf(stage.facts, queue, lease);
  if (how === "ack" && newest > lease.token)
    say(
      stage,
      lease,
      `P5: ${who} acked by token ${lease.token} what was delivered under token ${newest}`,
    );
}

function leave(
  stage: Stage,
  step: Step,
  queue: QueueModel,
  lane: Lane,
  message: Message,
  { how, lease }: Settle,
): void {
  message.ended = Math.max(message.ended, lease.token);
  if (how === "release") return;
  if (how === "ack") queue.acked.add();
  else {
    message.nacks++;
    message.nacksMax++;
    if (how === "nack" && message.nacks < queue.rules.maxAttempts) return;
    const { onExhausted, deadLetterQueue } = queue.rules;
    const target = stage.model.queues.get(deadLetterQueue);
    if (onExhausted === "park" || (onExhausted === "dead-letter" && target === undefined)) {
      message.state = "parked";
      return;
    }
    if (target !== undefined) target.changed = step.index;
  }
  message.state = "gone";
  message.goneAt = step.index;
  message.goneBy = lease.token;
  const next = lane.messages.get(lease.keySeq + 1);
  if (next !== undefined && queue.isOrdered) next.after = Math.max(next.after, stage.model.proved);
}

function say({ findings }: Stage, { queue, key }: LeaseName, what: string): void {
  findings.add({ what, queue, key });
}

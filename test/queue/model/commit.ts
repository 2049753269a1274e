// Commit: conditions, then settlements, then messages, all of them or none (O4).

import type { Answer, Command, Condition } from "../../../queue/index.ts";
import { Group, judgeEnqueued, store } from "./enqueue.ts";
import { laneOf, placeOf } from "./messages.ts";
import { becomesLetter, leased, leaves, settleLease } from "./settle.ts";
import type { Lane, Message, Queue, World } from "./world.ts";

type Commit = Command & { kind: "commit" };

export function commit(world: World, command: Commit, answer: Answer | undefined): void {
  const reasons = conditionReasons(world, command.conditions);
  if (reasons.length === 0) reasons.push(...leaseReasons(world, command));
  if (reasons.length > 0) {
    world.refused(answer, reasons, "commit");
    return;
  }
  const refused = answer?.reply.kind === "refused";
  const strict = enqueueReasons(world, command, "what is acked");
  const lenient = enqueueReasons(world, command, "what leaves");
  // Dead letters and exhausted messages move in the same step: whether they make room is not promised.
  if (lenient.length > 0 || (strict.length > 0 && refused)) {
    world.refused(answer, [...strict, ...lenient], "commit");
    return;
  }
  world.answered(answer, "committed", "commit");
  for (const { lease, settlement } of command.settles) {
    const there = leased(world, lease);
    if (typeof there !== "string") settleLease(world, there.queue, there.message, settlement);
  }
  const reply = answer?.reply;
  const given = reply?.kind === "committed" ? reply.messages : [];
  world.expect(given.length === command.enqueues.length, `commit: ${given.length} messages`);
  command.enqueues.forEach(({ queue, message }, at) => {
    judgeEnqueued(world, given[at], store(world, queue, message), `commit, message ${at}`);
  });
}

/** Why the first condition that does not hold does not. */
function conditionReasons(world: World, conditions: readonly Condition[]): string[] {
  for (const condition of conditions) {
    const reason = holds(world, condition);
    if (reason !== "") return [reason, "CONDITION_FAILED"];
  }
  return [];
}

function holds(world: World, condition: Condition): string {
  if (condition.kind === "lease") {
    const there = leased(world, condition.lease);
    return typeof there === "string" ? there : "";
  }
  const queue = world.queues.get(condition.queue);
  if (queue === undefined) return "QUEUE_NOT_FOUND";
  const lane = laneOf(queue, placeOf(queue, condition.lane, 0).lane);
  const right =
    condition.kind === "tail"
      ? lane.count === condition.keySeq
      : lengthOf(queue, lane) === condition.messages;
  return right ? "" : "CONDITION_FAILED";
}

/** Without order there are no keys: the queue is one. */
function lengthOf(queue: Queue, lane: Lane): number {
  return queue.options.ordering === "none" ? queue.depth : lane.messages.length;
}

function leaseReasons(world: World, { settles }: Commit): string[] {
  const reasons: string[] = [];
  const seen = new Set<Message>();
  for (const { lease } of settles) {
    const there = leased(world, lease);
    if (typeof there === "string") reasons.push(there);
    else if (seen.has(there.message)) reasons.push("MALFORMED");
    else seen.add(there.message);
  }
  return reasons;
}

function enqueueReasons(
  world: World,
  { settles, enqueues }: Commit,
  room: "what is acked" | "what leaves",
): string[] {
  const leaving = new Map<Queue, Message[]>();
  for (const { lease, settlement } of settles) {
    const there = leased(world, lease);
    if (typeof there === "string") continue;
    const { queue, message } = there;
    if (settlement.kind !== "ack" && room === "what is acked") continue;
    if (!leaves(queue, message, settlement)) continue;
    leaving.set(queue, [...(leaving.get(queue) ?? []), message]);
  }
  const group = new Group(world, leaving);
  for (const { lease, settlement } of settles) {
    const there = leased(world, lease);
    if (typeof there === "string") continue;
    const { queue, message } = there;
    if (settlement.kind === "ack" || !leaves(queue, message, settlement)) continue;
    const target = world.queues.get(queue.options.deadLetterQueue);
    if (target !== undefined && becomesLetter(queue, message, settlement))
      group.arrives(target, message.key);
  }
  for (const { queue, message } of enqueues) group.check(queue, message);
  return group.reasons;
}

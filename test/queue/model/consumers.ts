// Those who want messages: consumers with credit, and receives.

import type { Answer, Command } from "../../../queue/index.ts";
import { observe, receiveReply } from "./deliveries.ts";
import { ceil16, type Happened, type Session, type World } from "./world.ts";

/** undefined: all. */
function keysOf(keys: readonly string[] | undefined): readonly string[] | undefined {
  return keys === undefined || keys.length === 0 ? undefined : keys;
}

export function subscribe(
  world: World,
  session: Session,
  command: Command & { kind: "subscribe" },
  answer: Answer | undefined,
): void {
  const queue = world.queues.get(command.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "subscribe");
    return;
  }
  const present = session.consumers.get(command.consumer);
  if (present !== undefined && present.queue !== queue) {
    world.refused(answer, "MALFORMED", "subscribe");
    return;
  }
  const keys = keysOf(command.keys);
  if (keys !== undefined && queue.options.ordering !== "key") {
    world.refused(answer, "MALFORMED", "subscribe to keys of a queue that has none");
    return;
  }
  const { credit, leaseMs, creditBytes = 0 } = command;
  session.consumers.set(command.consumer, { queue, credit, creditBytes, leaseMs, keys });
  world.answered(answer, "done", "subscribe");
}

export function receive(
  world: World,
  session: Session,
  sequence: number,
  command: Command & { kind: "receive" },
  answer: Answer | undefined,
  happened: Happened,
): void {
  if (sequence === 0) {
    world.refused(answer, "MALFORMED", "receive");
    return;
  }
  const queue = world.queues.get(command.queue);
  if (queue === undefined) {
    world.refused(answer, "QUEUE_NOT_FOUND", "receive");
    return;
  }
  const keys = keysOf(command.keys);
  if (keys !== undefined && queue.options.ordering !== "key") {
    world.refused(answer, "MALFORMED", "receive of keys of a queue that has none");
    return;
  }
  const { maxMessages: max, maxWaitMs, leaseMs } = command;
  const maxBytes =
    command.maxBytes === undefined || command.maxBytes === 0 ? 2 ** 22 : command.maxBytes;
  const deadline = ceil16(world.clock + maxWaitMs);
  const call = { queue, max, maxBytes, deadline, leaseMs, keys, deleted: false };
  if (answer === undefined) {
    world.expect(command.maxWaitMs > 0, "a receive waits although it may not");
    session.receives.set(sequence, call);
    return;
  }
  const got = answer.reply.kind === "received" ? answer.reply.grants[0] : undefined;
  observe(world, happened, got?.token);
  if (answer.reply.kind === "received" && answer.reply.grants.length === 0) {
    world.expect(command.maxWaitMs === 0, "an empty answer at once");
  }
  receiveReply(world, `${session.id}/${sequence}`, call, answer.reply);
}

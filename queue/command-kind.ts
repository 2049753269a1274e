// The number of each kind of command in the log. A number is for ever: a new kind takes a new one.

import type { Command } from "./command.ts";
import { isChoosy } from "./manage-codec.ts";
import { hasOldOptionsOnly, namesOldOptionsOnly } from "./option-codec.ts";

export const kindNumber = {
  "open-session": 1,
  "close-session": 2,
  "keep-alive": 3,
  attach: 4,
  detach: 5,
  "create-queue": 6,
  "update-queue": 7,
  "delete-queue": 8,
  enqueue: 9,
  "enqueue-batch": 10,
  subscribe: 11,
  unsubscribe: 12,
  receive: 13,
  settle: 14,
  tick: 15,
  refuse: 16,
  "raise-version": 17,
  commit: 18,
  "resolve-parked": 19,
  redrive: 20,
  cancel: 21,
  purge: 22,
  "pause-key": 23,
  "create-temporary-queue": 24,
  "create-topic": 25,
  "update-topic": 26,
  "delete-topic": 27,
  "create-subscription": 28,
  replay: 29,
} as const satisfies Record<Command["kind"], number>;

/** A kind that carries what the first rules did not know has a second number, so that older records stay as they are. */
export const widerNumber = {
  enqueue: 30,
  "enqueue-batch": 31,
  "create-queue": 32,
  "update-queue": 33,
  subscribe: 38,
  receive: 39,
} as const;

/** Whether a command says something that the first rules did not know, though they knew its kind. */
export function isWider(command: Command): boolean {
  const { kind } = command;
  if (kind === "enqueue") return command.message.extras !== undefined;
  if (kind === "enqueue-batch") {
    const { perItem, messages: batch } = command;
    return perItem === true || batch.some(({ extras }) => extras !== undefined);
  }
  if (kind === "create-queue") return !hasOldOptionsOnly(command.options);
  if (kind === "update-queue") return !namesOldOptionsOnly(command.changes);
  return (kind === "subscribe" || kind === "receive") && isChoosy(command);
}

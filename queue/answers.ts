// The answers that a session may ask for again (P6, H1).
//   K1. An answer is kept from the entry that decided it until the client says it has it (floor); no time limit while the session lives.
//   K2. They lie in blocks of answersPerBlock: a row is written a few times, not once per answer. A block goes when the floor has passed it.

import { assert } from "./assert.ts";
import type { Answer, Reply } from "./command.ts";
import { answersPerBlock } from "./session-row.ts";
import type { AnswerBlock, Session, State } from "./state.ts";

export function blockOf(sequence: number): number {
  return Math.floor(sequence / answersPerBlock);
}

export function newBlock(number: number): AnswerBlock {
  const answers = new Array<Answer | undefined>(answersPerBlock).fill(undefined);
  return { number, answers, dirty: false, stored: false, live: true };
}

export function recall(session: Session, sequence: number): Answer | undefined {
  return session.blocks.get(blockOf(sequence))?.answers[sequence % answersPerBlock];
}

/** Keeps the answer, unless the session is over or has said that it does not wait for it. */
export function remember(state: State, session: Session, sequence: number, reply: Reply): Answer {
  const entry = state.entry;
  assert(entry !== undefined, "an answer without a log entry");
  const answer: Answer = { index: entry.index, reply };
  if (!session.live || sequence < session.floor) return answer;
  const number = blockOf(sequence);
  let block = session.block;
  if (block?.number !== number) {
    block = session.blocks.get(number);
    if (block === undefined) {
      block = newBlock(number);
      session.blocks.set(number, block);
    }
    session.block = block;
  }
  const slot = sequence % answersPerBlock;
  assert(block.answers[slot] === undefined, "K1: answered twice");
  block.answers[slot] = answer;
  if (!block.dirty) {
    block.dirty = true;
    session.dirtyBlocks.push(block);
    state.changedSession(session);
  }
  return answer;
}

/** Forgets what the client has: every block that lies below the floor. */
export function forgetBelow(session: Session, floor: number): void {
  const until = blockOf(floor);
  for (let number = blockOf(session.floor); number < until; number++) {
    const block = session.blocks.get(number);
    if (block === undefined) continue;
    block.live = false;
    session.blocks.delete(number);
    if (session.block === block) session.block = undefined;
    if (block.stored) session.prunedBlocks.push(number);
  }
  session.floor = floor;
}

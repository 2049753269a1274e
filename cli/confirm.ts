// Before something is gone for good: a person types a word, a script says --yes.

import { createInterface } from "node:readline/promises";
import { CommandError, UsageError } from "./failure.ts";

export interface Question {
  readonly question: string;
  /** Said when there is nobody to ask. */
  readonly unattended: string;
  /** What must be typed. */
  readonly word: string;
}

/** @throws {UsageError} when there is no terminal, {CommandError} when another word is typed */
export async function confirm({ question, unattended, word }: Question): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(unattended);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} Type its name: `);
    if (answer.trim() !== word) throw new CommandError("nothing was done");
  } finally {
    terminal.close();
  }
}

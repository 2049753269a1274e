// The command line: `fifo FILE` and `register FILE`, one verdict a line.

import { Command, CommanderError, InvalidArgumentError } from "commander";
import { Malformed } from "./fields.ts";
import { checkFifo } from "./fifo/check.ts";
import { linesOf, textOf, type Line } from "./lines.ts";
import { checkRegister } from "./register/check.ts";
import { standardBounds, type Bounds, type Verdict } from "./verdict.ts";

export const exitCodes = { linearizable: 0, not: 1, malformed: 2, unknown: 3 } as const;

export interface Output {
  /** Resolves when there is room for more. */
  readonly print: (text: string) => Promise<void>;
  readonly complain: (text: string) => void;
}

type Checker = (text: string, bounds: Bounds) => Verdict;

const help = `
A FILE holds one history a line, as JSON: {"ops":[CALL,…]}. A CALL has
  inv   when it was invoked: a number, in any unit
  ret   when it returned, in the same unit; null when it never did
Calls that only touch (one returns at the time at which another is invoked) are concurrent. Values are JSON of any kind,
equal when they are written alike but for blanks and the order of names. Other fields are not looked at.

For each line one is printed: {"line":1,"linearizable":true}, or false with a "counterexample": why not ("because"), and the calls
that show it ("ops"), each with its place in the history ("op"); or "unknown", with the bound that was reached ("because").

Exit codes:
  0  all histories are linearizable
  1  at least one is not
  2  the command line is wrong, or the file: the line on standard error names its line and field; nothing after it is checked
  3  none is wrong, but at least one is unknown`;

const fifoHelp = `
  {"f":"enqueue","v":VALUE,"inv":0,"ret":1}      ret null: it may have happened, at any time, or not
  {"f":"dequeue","v":VALUE,"inv":2,"ret":3}      v "empty": the queue said that it is empty
  {"f":"dequeue","v":null,"inv":4,"ret":null}    may have taken any value, or none
`;

const registerHelp = `
  {"f":"read","v":VALUE,"inv":0,"ret":1,"ok":true}
  {"f":"write","v":VALUE,"inv":0,"ret":1,"ok":true}      ok false: it did certainly not happen
  {"f":"cas","v":[OLD,NEW],"inv":0,"ret":1,"ok":true}    ok false: the value was not OLD
ok null (always, when ret is null): it may have happened, at any time after inv, or not.
The first value is null.
`;

/** Runs one command line (without `node` and the script); resolves to its exit code. */
export async function run(words: readonly string[], output: Output): Promise<number> {
  let code: number = exitCodes.linearizable;
  const program = new Command("npm run check --")
    .description("Says whether histories of a queue or of a register are linearizable.")
    .addHelpText("after", help)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void output.print(text), writeErr: output.complain });
  const add = (name: string, what: string, calls: string, checker: Checker): void => {
    program
      .command(name)
      .description(what)
      .argument("<FILE>", "one history a line")
      .option("--steps <n>", "how much work a history may cost", whole, standardBounds.stepsMax)
      .addHelpText("after", `\nThe calls:${calls}${help}`)
      .action(async (file: string, { steps }: { readonly steps: number }) => {
        code = await checkFile(file, checker, { ...standardBounds, stepsMax: steps }, output);
      });
  };
  add("fifo", "a plain FIFO queue", fifoHelp, checkFifo);
  add("register", "a register with read, write and compare-and-set", registerHelp, checkRegister);
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (error) {
    // Help ends with code 0; commander has already printed what there is to say.
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.linearizable : exitCodes.malformed;
    output.complain(`check: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodes.malformed;
  }
}

async function checkFile(
  file: string,
  checker: Checker,
  bounds: Bounds,
  output: Output,
): Promise<number> {
  const seen = new Set<Verdict["linearizable"]>();
  for await (const line of linesOf(file)) {
    const verdict = verdictOf(line, checker, bounds);
    seen.add(verdict.linearizable);
    await output.print(`${JSON.stringify({ line: line.number, ...verdict })}\n`);
  }
  // A file without a history proves nothing, and is more likely a mistake than a wish.
  if (seen.size === 0) throw new Error(`${file}: expected at least one history, found none`);
  if (seen.has(false)) return exitCodes.not;
  return seen.has("unknown") ? exitCodes.unknown : exitCodes.linearizable;
}

function verdictOf(line: Line, checker: Checker, bounds: Bounds): Verdict {
  try {
    return checker(textOf(line), bounds);
  } catch (error) {
    if (error instanceof Malformed) throw new Error(`line ${line.number}: ${error.message}`);
    throw error;
  }
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("expected a whole number of at least 1");
  return number;
}

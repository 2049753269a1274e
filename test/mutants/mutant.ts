// A mutant is a bug put in on purpose: one or two lines of the source, exchanged as the module is loaded (reliability.md §6).
// The product has no switch for it, and no trace of it.

export interface Mutant {
  /** Unique; what `--only` takes. */
  readonly name: string;
  /** The trap or requirement that it stands for: A1, R3, P5 … */
  readonly trap: string;
  /** The source file, from the project's root. */
  readonly file: string;
  /** Text that occurs exactly once in it. */
  readonly find: string;
  readonly replace: string;
  /** Why nothing can find it: it makes no difference that anybody could see. */
  readonly equivalent?: string;
}

/** The text of the mutant's file with the bug in it. */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const at = source.indexOf(find);
  if (at < 0) throw new Error(`mutant ${name}: its text is not in ${file} any more`);
  if (source.includes(find, at + 1))
    throw new Error(`mutant ${name}: its text is in ${file} more than once`);
  return source.slice(0, at) + replace + source.slice(at + find.length);
}

/** The environment variable that names the mutant of a process. */
export const mutantVariable = "RAFTQ_MUTANT";
/** The file that has its module compiled already, for processes that are started often. Optional. */
export const compiledVariable = "RAFTQ_MUTANT_COMPILED";

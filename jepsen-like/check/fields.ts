// What a line of a history may hold. Everything that is read from a file passes here, and what is wrong is told with its field.

import type { Timed } from "./ticks.ts";

export class Malformed extends Error {
  constructor(field: string, expected: string, found: unknown) {
    super(`${field}: expected ${expected}, found ${shown(found)}`);
  }
}

const shownCharactersMax = 60;
const nestingMax = 100;

export type Fields = Readonly<Record<string, unknown>>;

/** The calls of one history: {"ops":[…]}. */
export function callsOf(text: string): Fields[] {
  const history = objectOf(parse(text), "the line");
  const ops = history["ops"];
  if (!Array.isArray(ops)) throw new Malformed("ops", "a list of calls", ops);
  return ops.map((op, index) => objectOf(op, `ops[${index}]`));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Malformed("the line", `JSON (${(error as Error).message})`, text);
  }
}

function objectOf(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Malformed(field, "an object", value);
  return value as Fields;
}

export function functionOf<Name extends string>(
  call: Fields,
  at: string,
  names: readonly Name[],
): Name {
  const found = names.find((name) => name === call["f"]);
  if (found === undefined)
    throw new Malformed(`${at}.f`, names.map((name) => `"${name}"`).join(" or "), call["f"]);
  return found;
}

export function timesOf(call: Fields, at: string): Timed {
  const inv = timeOf(call["inv"], `${at}.inv`, "a number");
  if (call["ret"] === null) return { inv, ret: null };
  const ret = timeOf(call["ret"], `${at}.ret`, "a number, or null when it never returned");
  if (ret < inv) throw new Malformed(`${at}.ret`, `a time that is not before inv (${inv})`, ret);
  return { inv, ret };
}

function timeOf(value: unknown, field: string, expected: string): number {
  if (typeof value !== "number") throw new Malformed(field, expected, value);
  checkNumber(value, field);
  return value;
}

/** Two values are equal exactly when their canonical JSON is: names in order, no blanks, one spelling of a number. */
export function valueOf(call: Fields, at: string): string {
  if (!Object.hasOwn(call, "v")) throw new Malformed(`${at}.v`, "a value", undefined);
  return canonical(call["v"], `${at}.v`);
}

export function canonical(value: unknown, field: string, depth = 0): string {
  if (typeof value === "number") checkNumber(value, field);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (depth === nestingMax) throw new Malformed(field, `at most ${nestingMax} levels`, "more");
  if (Array.isArray(value))
    return `[${value.map((item) => canonical(item, field, depth + 1)).join(",")}]`;
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item, field, depth + 1)}`);
  return `{${members.join(",")}}`;
}

/** Beyond 2^53 JavaScript takes different numbers for equal: a nanosecond would be lost, and with it an order. */
function checkNumber(value: number, field: string): void {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw new Malformed(field, "a number of at most 2^53 - 1, which is exact", value);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`;
}

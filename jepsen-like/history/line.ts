// One line of a history file: what it must have before anything is concluded from it. A file may have been cut, edited, or
// written by another release; a check that reads "undefined" where it expects a number proves nothing.

import type { Line } from "./record.ts";

type Kind = "string" | "number" | "object" | "list";
type Fields = Readonly<Record<string, Kind>>;

const lease: Fields = {
  queue: "string",
  key: "string",
  keySeq: "number",
  token: "number",
  body: "string",
};
const placed: Fields = {
  body: "string",
  seq: "number",
  keySeq: "number",
  logIndex: "number",
};
const keyAndBody: Fields = { key: "string", body: "string" };

const asked: Readonly<Record<string, Fields>> = {
  enqueue: { queue: "string", ...keyAndBody },
  "enqueue-batch": { queue: "string", messages: "list" },
  receive: { queue: "string", max: "number" },
  ack: lease,
  nack: lease,
  reject: lease,
  release: lease,
  commit: { acks: "list", enqueues: "list" },
  "get-queue": { queue: "string" },
  browse: { queue: "string" },
  "create-queue": { queue: "string" },
};

/** Lists, and what each of their items must have. */
const items: Readonly<Record<string, Fields>> = {
  messages: keyAndBody,
  acks: lease,
  enqueues: { queue: "string", ...keyAndBody },
  placed,
  there: { ...keyAndBody, keySeq: "number", state: "string" },
};

const types: Readonly<Record<string, Fields>> = {
  invoke: { op: "number", f: "string" },
  ok: { op: "number" },
  fail: { op: "number" },
  unknown: { op: "number" },
  delivered: { ...lease, seq: "number", deliveries: "number", leaseEnds: "number" },
  note: { what: "string" },
};

/** @throws {Error} a sentence that names the field; the caller adds file and line. */
export function lineOf(text: string): Line {
  const line = objectOf(JSON.parse(text), "the line");
  const type = String(line["type"]);
  const fields = types[type];
  if (fields === undefined || !Object.hasOwn(types, type))
    throw new Error(
      `type: expected ${Object.keys(types).join(", ")}; found ${shown(line["type"])}`,
    );
  require(line, { process: "string", time: "number", ...fields }, "");
  if (type === "invoke") {
    const f = String(line["f"]);
    const more = Object.hasOwn(asked, f) ? asked[f] : undefined;
    if (more === undefined) throw new Error(`f: no such call: ${shown(line["f"])}`);
    require(line, more, "");
  }
  if (line["told"] !== undefined) require(objectOf(line["told"], "told"), {}, "told.");
  return line as unknown as Line;
}

function require(object: Readonly<Record<string, unknown>>, fields: Fields, at: string): void {
  for (const [name, kind] of Object.entries(fields)) {
    const value = object[name];
    const is = kind === "list" ? Array.isArray(value) : typeof value === kind && value !== null;
    if (!is || (kind === "number" && !Number.isSafeInteger(value)))
      throw new Error(`${at}${name}: expected a ${kind}, found ${shown(value)}`);
  }
  for (const [name, value] of Object.entries(object)) {
    const each = Object.hasOwn(items, name) ? items[name] : undefined;
    if (each === undefined || !Array.isArray(value)) continue;
    for (const [index, item] of value.entries()) {
      const where = `${at}${name}[${index}]`;
      require(objectOf(item, where), each, `${where}.`);
    }
  }
}

function objectOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${at}: expected an object, found ${shown(value)}`);
  return value as Readonly<Record<string, unknown>>;
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60);
}

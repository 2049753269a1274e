// A log entry as data that a person or a program can read: what `raftq log` shows. Field names are those of proto/queue.proto in
// their JSON spelling; an enqueue and a lease are not nested.
//   LV1. Nothing is guessed: a payload that cannot be read says so in `unreadable`, and the entries after it are shown.
//   LV2. Bytes are text where they are valid UTF-8, else {"base64": …}.

import { decodeContent } from "../proto/content.ts";
import { decodeEntry, type Command, type LogRecord } from "../queue/index.ts";
import { decodeMembership } from "../raft/index.ts";
import type { InspectedRecord } from "./log/inspect.ts";
import { decodeRoster } from "./roster.ts";

/** Bytes as JSON can carry them (LV2). */
type Text = string | { readonly base64: string };

/** Who asked, what, and the fields of that. `session` and `sequence` 0: none. */
export interface CommandView {
  readonly session: number;
  readonly sequence: number;
  readonly op: string;
  readonly [field: string]: unknown;
}

export interface EntryView {
  readonly file: string;
  readonly generation: number;
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  /** Eight hexadecimal digits: the running hash of the log through this entry, and through the one before. */
  readonly chain: string;
  readonly chainBefore: string;
  /** The leader's stamp, milliseconds since 1970; 0: the entry has none. */
  readonly stamp: number;
  readonly commands: readonly CommandView[];
  /** Of a membership. */
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly members?: readonly {
    readonly id: number;
    readonly peer: string;
    readonly client: string;
  }[];
  /** Why the payload cannot be shown (LV1), and its length in bytes. */
  readonly unreadable?: string;
  readonly payloadBytes?: number;
}

/** `file`: as it is to be named. */
export function viewOf(file: string, record: InspectedRecord): EntryView {
  const { generation, index, term, kind, payload } = record;
  const [chain, chainBefore] = [hex(record.chain), hex(record.chainBefore)];
  const head = { file, generation, index, term, kind, chain, chainBefore };
  try {
    if (kind === "command") {
      const { time, records } = decodeEntry(payload);
      return { ...head, stamp: time, commands: records.map(commandView) };
    }
    if (kind === "membership") return { ...head, stamp: 0, commands: [], ...membersView(payload) };
    return { ...head, stamp: 0, commands: [] };
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error);
    return { ...head, stamp: 0, commands: [], unreadable, payloadBytes: payload.byteLength };
  }
}

function hex(chain: number): string {
  return chain.toString(16).padStart(8, "0");
}

function membersView(payload: Uint8Array): Pick<EntryView, "voters" | "learners" | "members"> {
  const { voters, learners, context } = decodeMembership(payload);
  const { members } = decodeRoster(context);
  return {
    voters,
    learners,
    members: members.map(({ id, peer, client }) => ({ id, peer, client })),
  };
}

function commandView({ origin, command }: LogRecord): CommandView {
  const { session, sequence } = origin;
  return { session, sequence, ...fieldsOf(command) };
}

function fieldsOf(command: Command): { readonly op: string; readonly [field: string]: unknown } {
  if (command.kind === "settle") {
    const { lease, settlement } = command;
    const { kind, ...more } = settlement;
    return { op: kind, ...shownObject(lease), ...shownObject(more) };
  }
  const { kind, ...more } = command;
  return { op: kind, ...shownObject(more) };
}

/** Fields that are byte strings: one UTF-16 unit for each byte (queue/store.ts). */
const byteStrings: ReadonlySet<string> = new Set(["key", "lane", "keys", "keyPrefix", "dedupId"]);
/** Fields that have another name outside. */
const names: ReadonlyMap<string, string> = new Map([
  ["lane", "key"],
  ["token", "fencingToken"],
]);
/** Fields whose own fields stand in their place. */
const flattened: ReadonlySet<string> = new Set(["message", "lease", "settlement"]);

function shownObject(fields: object): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (value === undefined) continue;
    if (value instanceof Uint8Array) Object.assign(out, shownContent(value));
    else if (typeof value !== "object" || value === null || Array.isArray(value))
      out[names.get(name) ?? name] = shown(value, byteStrings.has(name));
    else if (name === "extras") Object.assign(out, shownExtras(value));
    else if (name === "filter") out[name] = { ...shownObject(value), ...filterHeaders(value) };
    else if (flattened.has(name)) Object.assign(out, shownObject(value));
    else out[name] = shownObject(value);
  }
  return out;
}

/** What the producer asked for besides. Headers are shown with the content that they are of. */
function shownExtras(extras: object): Record<string, unknown> {
  const said = Object.entries(extras).filter(
    ([name, value]) => name !== "headers" && value !== 0 && value !== "",
  );
  return shownObject(Object.fromEntries(said));
}

/** They are byte strings, which labels are not. */
function filterHeaders(filter: object): { readonly headers?: Record<string, unknown> } {
  if (!("headers" in filter) || typeof filter.headers !== "object") return {};
  const entries = Object.entries(filter.headers ?? {}) as [string, unknown][];
  const texts = entries.map(([name, value]): [string, unknown] => [
    Buffer.from(name, "latin1").toString("utf8"),
    shown(value, true),
  ]);
  return { headers: Object.fromEntries(texts) };
}

function shown(value: unknown, isBytes: boolean): unknown {
  if (typeof value === "string") return isBytes ? textOf(Buffer.from(value, "latin1")) : value;
  if (Array.isArray(value)) return value.map((one: unknown) => shown(one, isBytes));
  if (typeof value === "object" && value !== null) return shownObject(value);
  return value;
}

/** What the producer sent, as far as it says something. */
function shownContent(bytes: Uint8Array): Record<string, unknown> {
  let content: ReturnType<typeof decodeContent>;
  try {
    content = decodeContent(bytes);
  } catch {
    // Anybody may send what is no Content: it is stored and delivered as it is.
    return { content: { base64: base64(bytes) } };
  }
  const { body, headers, ...texts } = content;
  const said = Object.entries(texts).filter(([, text]) => text !== "");
  return {
    body: textOf(body),
    ...(Object.keys(headers).length > 0 ? { headers: { ...headers } } : {}),
    ...Object.fromEntries(said),
  };
}

function textOf(bytes: Uint8Array): Text {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  // What is not UTF-8 was exchanged for U+FFFD, and comes out as other bytes.
  return Buffer.from(text).equals(bytes) ? text : { base64: base64(bytes) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

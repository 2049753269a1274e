// The history by message: who asked for it, who got it, how each lease was ended.
//   V1. A message is a body in a queue. A body that is asked for more than once in one queue is asked for with one dedup id; so it
//       is one message all the same.
//   V2. A call without an answer may take effect until the end of time: it returns at Infinity.
//   V3. An unanswered call of which one message was seen did take effect, all of it (batches and commits are atomic), by then:
//       it is as good as answered, without figures. Only when no other call can have put that message there.
//   V4. What a process got, it got from a grant before that: the grant's own time is known only from above.

import type { Call, DeclaredQueue, Evidence, History } from "../contract.ts";
import type { Delivered, Lease, Noted, Placed } from "../../history/record.ts";

/** One call's effect, as far as one can tell. */
export interface Effect {
  readonly call: Call;
  readonly process: string;
  readonly inv: number;
  /** By then it has happened; Infinity: who knows (V2). */
  ret: number;
  outcome: "ok" | "fail" | "unknown";
}

export interface Attempt {
  readonly effect: Effect;
  readonly key: string;
  readonly placed: Placed | undefined;
}

export interface Settling {
  readonly effect: Effect;
  readonly f: "ack" | "nack" | "reject" | "release";
  readonly lease: Lease;
  /** It was answered that this very lease had been settled before. */
  readonly already: boolean;
}

/** A browse saw it. */
export interface Sighting {
  readonly browse: Effect;
  readonly key: string;
  readonly keySeq: number;
  readonly state: string;
}

export interface Message {
  readonly queue: string;
  readonly body: string;
  readonly attempts: Attempt[];
  /** By token. */
  readonly deliveries: Delivered[];
  readonly settlings: Settling[];
  readonly sightings: Sighting[];
}

export interface View {
  /** The first time of all. */
  readonly start: number;
  readonly end: number;
  readonly queues: ReadonlyMap<string, DeclaredQueue>;
  /** By queue and body. */
  readonly messages: ReadonlyMap<string, ReadonlyMap<string, Message>>;
  readonly effects: readonly Effect[];
  /** The last browse of each queue that was answered. */
  readonly lastBrowse: ReadonlyMap<string, Effect>;
  /** For each queue those whose dead letters come to it. */
  readonly sources: ReadonlyMap<string, readonly DeclaredQueue[]>;
  readonly notes: ReadonlyMap<string, readonly Noted[]>;
  /** The call that brought it; undefined: it came by a stream. */
  readonly receiveOf: (delivery: Delivered) => Effect | undefined;
  /** A time as a reader wants it: seconds from the start. */
  readonly at: (time: number) => string;
}

const views = new WeakMap<History, View>();

/** The same for every check of one run. */
export function viewOf(evidence: Evidence): View {
  const known = views.get(evidence.history);
  if (known !== undefined) return known;
  const view = build(evidence);
  views.set(evidence.history, view);
  return view;
}

export function* allMessages(view: View): Generator<Message> {
  for (const ofQueue of view.messages.values()) yield* ofQueue.values();
}

export function messageOf(view: View, queue: string, body: string): Message | undefined {
  return view.messages.get(queue)?.get(body);
}

/** Messages with one line go one after the other (P3); undefined: the queue keeps no order. */
export function lineOf(view: View, queue: string, key: string): string | undefined {
  switch (view.queues.get(queue)?.ordering) {
    case "KEY":
      return `${queue}/${key}`;
    case "TOTAL":
      return queue;
    case "NONE":
    case undefined:
      return undefined;
  }
}

/** When it certainly began to be there, at the earliest and at the latest; undefined: it may never have been, or came otherwise. */
export function enqueueOf({ attempts }: Message): { inv: number; ret: number } | undefined {
  let inv = Infinity;
  let ret = Infinity;
  for (const { effect } of attempts) {
    if (effect.outcome === "fail") continue;
    inv = Math.min(inv, effect.inv);
    if (effect.outcome === "ok") ret = Math.min(ret, effect.ret);
  }
  return inv === Infinity ? undefined : { inv, ret };
}

/** A settlement that took effect, and when: between these. */
export interface Certain {
  readonly settling: Settling;
  readonly inv: number;
  readonly ret: number;
}

/** The settlement of this kind that certainly took effect, the first one asked for. */
export function certain(message: Message, f: Settling["f"]): Certain | undefined {
  let found: Certain | undefined;
  for (const settling of message.settlings) {
    if (settling.f !== f || settling.effect.outcome !== "ok") continue;
    const { ret } = settling.effect;
    const inv = settling.already ? firstAsked(message, settling) : settling.effect.inv;
    if (found === undefined || inv < found.inv) found = { settling, inv, ret };
  }
  return found;
}

/** It was some call before, with this very lease, that took effect: nobody knows which. */
function firstAsked({ settlings }: Message, { f, lease, effect }: Settling): number {
  let first = effect.inv;
  for (const one of settlings)
    if (one.f === f && one.lease.token === lease.token && one.effect.outcome !== "fail")
      first = Math.min(first, one.effect.inv);
  return first;
}

/** Some settlement of this kind may have taken effect. */
export function possible(message: Message, f: Settling["f"]): boolean {
  return message.settlings.some((one) => one.f === f && one.effect.outcome !== "fail");
}

export function keyOf({ deliveries, attempts, sightings }: Message): string {
  return attempts[0]?.key ?? deliveries[0]?.key ?? sightings[0]?.key ?? "";
}

/** Its place in its line; undefined: nobody was told. */
export function keySeqOf({ deliveries, attempts, sightings }: Message): number | undefined {
  const [delivery] = deliveries;
  if (delivery !== undefined) return delivery.keySeq;
  for (const { placed } of attempts) if (placed !== undefined) return placed.keySeq;
  return sightings[0]?.keySeq;
}

/** It was there when the queue was looked at last. */
export function isThere(view: View, message: Message): boolean {
  const last = view.lastBrowse.get(message.queue);
  return last !== undefined && message.sightings.some(({ browse }) => browse === last);
}

export function nameOf({ queue, body }: Message): string {
  return `message ${body} of queue ${queue}`;
}

function build({ queues, history }: Evidence): View {
  const builder = new Builder();
  for (const call of history.calls) builder.addCall(call);
  for (const delivered of history.delivered)
    builder.message(delivered.queue, delivered.body).deliveries.push(delivered);
  const notes = new Map<string, Noted[]>();
  for (const note of history.notes) getOr(notes, note.process, () => []).push(note);
  for (const ofQueue of builder.messages.values())
    for (const message of ofQueue.values()) {
      message.deliveries.sort((a, b) => a.token - b.token || a.time - b.time);
      resolve(message);
    }
  const sources = new Map<string, DeclaredQueue[]>();
  for (const queue of queues)
    if (queue.deadLetterQueue !== "") getOr(sources, queue.deadLetterQueue, () => []).push(queue);
  const { start, end } = spanOf(history);
  return {
    ...{ start, end, notes, sources },
    queues: new Map(queues.map((queue) => [queue.name, queue])),
    messages: builder.messages,
    effects: builder.effects,
    lastBrowse: builder.lastBrowse,
    receiveOf: ({ process, op }) => {
      return op === undefined ? undefined : builder.receives.get(`${process}/${op}`);
    },
    at: (time) => (time === Infinity ? "never" : `${((time - start) / 1e6).toFixed(6)} s`),
  };
}

/** V3. */
function resolve({ attempts, deliveries, sightings }: Message): void {
  const alive = attempts.filter(({ effect }) => effect.outcome !== "fail");
  const [only] = alive;
  if (alive.length !== 1 || only?.effect.outcome !== "unknown") return;
  let seen = Infinity;
  for (const { time } of deliveries) seen = Math.min(seen, time);
  for (const { browse } of sightings) seen = Math.min(seen, browse.ret);
  if (seen === Infinity || seen < only.effect.inv) return;
  only.effect.outcome = "ok";
  only.effect.ret = seen;
}

class Builder {
  readonly messages = new Map<string, Map<string, Message>>();
  readonly effects: Effect[] = [];
  /** By process and operation. */
  readonly receives = new Map<string, Effect>();
  readonly lastBrowse = new Map<string, Effect>();

  message(queue: string, body: string): Message {
    const ofQueue = getOr(this.messages, queue, () => new Map<string, Message>());
    return getOr(ofQueue, body, () => ({
      ...{ queue, body },
      ...{ attempts: [], deliveries: [], settlings: [], sightings: [] },
    }));
  }

  addCall(call: Call): void {
    const { asked, told } = call;
    const outcome = told?.type ?? "unknown";
    const ret = told === undefined || outcome === "unknown" ? Infinity : told.time;
    const effect: Effect = { call, process: asked.process, inv: asked.time, ret, outcome };
    this.effects.push(effect);
    switch (asked.f) {
      case "enqueue":
        this.#attempt(effect, asked.queue, asked, 0);
        return;
      case "enqueue-batch":
        for (const [at, one] of asked.messages.entries())
          this.#attempt(effect, asked.queue, one, at);
        return;
      case "commit":
        for (const lease of asked.acks) this.#settling(effect, "ack", lease);
        for (const [at, one] of asked.enqueues.entries()) this.#attempt(effect, one.queue, one, at);
        return;
      case "ack":
      case "nack":
      case "reject":
      case "release":
        this.#settling(effect, asked.f, asked);
        return;
      case "browse":
        if (outcome === "ok") this.#browse(effect, asked.queue);
        return;
      case "receive":
        this.receives.set(`${asked.process}/${asked.op}`, effect);
        return;
      case "get-queue":
      case "create-queue":
        return;
    }
  }

  #attempt(effect: Effect, queue: string, one: { key: string; body: string }, at: number): void {
    const placed = effect.outcome === "ok" ? effect.call.told?.told?.placed?.[at] : undefined;
    this.message(queue, one.body).attempts.push({ effect, key: one.key, placed });
  }

  #settling(effect: Effect, f: Settling["f"], lease: Lease): void {
    const already = effect.call.told?.told?.already === true;
    this.message(lease.queue, lease.body).settlings.push({ effect, f, lease, already });
  }

  #browse(effect: Effect, queue: string): void {
    const last = this.lastBrowse.get(queue);
    if (last === undefined || last.inv < effect.inv) this.lastBrowse.set(queue, effect);
    for (const { body, key, keySeq, state } of effect.call.told?.told?.there ?? [])
      this.message(queue, body).sightings.push({ browse: effect, key, keySeq, state });
  }
}

function spanOf({ calls, delivered, notes }: History): { start: number; end: number } {
  let start = Infinity;
  let end = 0;
  const see = (time: number): void => {
    start = Math.min(start, time);
    end = Math.max(end, time);
  };
  for (const { asked, told } of calls) {
    see(asked.time);
    if (told !== undefined) see(told.time);
  }
  for (const { time } of delivered) see(time);
  for (const { time } of notes) see(time);
  return { start: start === Infinity ? 0 : start, end };
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

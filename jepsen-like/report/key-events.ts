// Of a key with something wrong: which of its messages, and which time, to show.
//   E1. A message that a finding names, by its body or by an entry of the log, is always among them, and so is the time of each finding.
//   E2. At most `messagesMax` messages and `eventsMax` events, whatever the key has seen.

import { moment } from "./format.ts";
import type { Message, Trial, WrongKey } from "./keys.ts";
import type { Outcome } from "./series.ts";
import type { Span } from "./span.ts";

const messagesMax = 30;
const eventsMax = 240;
/** Of the findings. */
const timesMax = 60;
/** Shown before and after what is wrong: a part of its length, and at least this. */
const marginUsMin = 150_000;
const marginShare = 0.15;
const entryName = /\b(?:entry|log index) (\d+)/g;

export interface View {
  readonly from: number;
  readonly to: number;
  /** In order of their place in the key. */
  readonly messages: readonly Message[];
  /** Those that a finding names. */
  readonly named: ReadonlySet<Message>;
  /** Of the findings. */
  readonly times: readonly number[];
}

export function viewOf(wrong: WrongKey, span: Span): View {
  const all = [...wrong.messages.values()];
  const texts = wrong.findings.map(({ finding }) => finding.what);
  const entries = new Set(
    texts.flatMap((text) => [...text.matchAll(entryName)].map(([, n]) => Number(n))),
  );
  const decided = ({ logIndex }: Trial): boolean => logIndex !== undefined && entries.has(logIndex);
  const named = new Set(
    all.filter(
      ({ body, enqueues, settlements }) =>
        texts.some((text) => names(text, body)) || [...enqueues, ...settlements].some(decided),
    ),
  );
  const times = wrong.findings
    .flatMap(({ finding }) => [...(finding.times ?? [])])
    .filter((time) => time >= span.from && time <= span.to)
    .slice(0, timesMax);
  const centres = (times.length > 0 ? times : [...named].flatMap(timesOf)).slice(0, timesMax);
  const window = windowOf([...times, ...[...named].flatMap(timesOf)], all, span);
  const chosen = all
    .map((message) => ({ message, far: named.has(message) ? -1 : awayFrom(message, centres) }))
    .filter(
      ({ message, far }) =>
        far < 0 || timesOf(message).some((time) => time >= window.from && time <= window.to),
    )
    .toSorted((a, b) => a.far - b.far)
    .slice(0, messagesMax);
  const messages = chosen.map(({ message }) => message).toSorted(byPlace);
  return { ...window, messages, named, times };
}

/** "w1-1" is not named where "w1-12" is. */
function names(text: string, body: string): boolean {
  for (let at = text.indexOf(body); at !== -1 && body !== ""; at = text.indexOf(body, at + 1)) {
    const around = `${text[at - 1] ?? " "}${text[at + body.length] ?? " "}`;
    if (!/[\w-]/.test(around)) return true;
  }
  return false;
}

export function timesOf({ enqueues, deliveries, settlements }: Message): number[] {
  return [
    ...[...enqueues, ...settlements].flatMap(({ asked, told }) => [asked, told ?? asked]),
    ...deliveries.map(({ time }) => time),
  ];
}

const startOf = (message: Message): number => least(timesOf(message));

const least = (times: readonly number[]): number =>
  times.reduce((a, b) => Math.min(a, b), Infinity);
const most = (times: readonly number[]): number =>
  times.reduce((a, b) => Math.max(a, b), -Infinity);

/** Of nothing, the earliest are the nearest. */
function awayFrom(message: Message, centres: readonly number[]): number {
  if (centres.length === 0) return startOf(message);
  let nearest = Infinity;
  for (const time of timesOf(message))
    for (const centre of centres) nearest = Math.min(nearest, Math.abs(time - centre));
  return nearest;
}

function byPlace(a: Message, b: Message): number {
  if (a.keySeq !== undefined && b.keySeq !== undefined && a.keySeq !== b.keySeq)
    return a.keySeq - b.keySeq;
  return startOf(a) - startOf(b);
}

/** Around what is wrong; around the key's first messages if nothing says where that is. */
function windowOf(
  wrong: readonly number[],
  all: readonly Message[],
  span: Span,
): { from: number; to: number } {
  const firsts = all.toSorted((a, b) => startOf(a) - startOf(b)).slice(0, messagesMax);
  const times = wrong.length > 0 ? wrong : firsts.flatMap(timesOf);
  if (times.length === 0) return { from: span.from, to: span.to };
  const [first, last] = [least(times), most(times)];
  const margin = Math.max(marginUsMin, (last - first) * marginShare);
  return { from: Math.max(span.from, first - margin), to: Math.min(span.to, last + margin) };
}

export interface Event {
  readonly time: number;
  readonly process: string;
  readonly what: string;
  readonly body: string;
  readonly result: Outcome | "seen";
  readonly detail: string;
}

/** In order of time; `beyond`: how many there are besides. */
export function eventsOf(
  wrong: WrongKey,
  view: View,
  span: Span,
): { events: Event[]; beyond: number } {
  const events = [...view.messages].flatMap((message) => eventsOfMessage(message, span));
  for (const { process, time, what, detail } of wrong.notes) {
    if (time < view.from || time > view.to) continue;
    const said = Object.entries(detail ?? {}).map(([name, value]) => `${name} ${value}`);
    events.push({ time, process, what, body: "", result: "seen", detail: said.join(", ") });
  }
  events.sort((a, b) => a.time - b.time);
  const middle = (view.from + view.to) / 2;
  const near = events
    .toSorted((a, b) => importance(a, view, middle) - importance(b, view, middle))
    .slice(0, eventsMax)
    .toSorted((a, b) => a.time - b.time);
  return { events: near, beyond: events.length - near.length };
}

function importance({ time, body }: Event, { named }: View, middle: number): number {
  return [...named].some((message) => message.body === body) ? -1 : Math.abs(time - middle);
}

function eventsOfMessage(message: Message, span: Span): Event[] {
  const { body } = message;
  const at = (time: number): string => moment(time - span.from);
  const trials = [...message.enqueues, ...message.settlements].map((trial): Event => {
    const { process, asked, told, outcome, f } = trial;
    const token = "token" in trial ? [`token ${String(trial.token)}`] : [];
    const answered = told === undefined ? [] : [`answered at ${at(told)}`];
    const detail = [...token, ...answered, trial.detail].filter((text) => text !== "").join(", ");
    return { time: asked, process, what: f, body, result: outcome, detail };
  });
  const deliveries = message.deliveries.map((delivery): Event => {
    const { time, process, token, keySeq, redelivery, leaseEnds } = delivery;
    const again = redelivery === "" ? "" : `, again: ${redelivery}`;
    const detail = `key seq ${keySeq}, token ${token}, lease until ${at(leaseEnds)}${again}`;
    return { time, process, what: "delivered", body, result: "seen", detail };
  });
  return [...trials, ...deliveries];
}

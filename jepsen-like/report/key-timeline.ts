// A key with something wrong, drawn: a row for each message, in the order of the key; when it was put in, who had it under a lease, how
// that ended. The same as a list below, for those who want the numbers.

import type { Delivered } from "../history/record.ts";
import { coordinate, count, counted, moment } from "./format.ts";
import { eventsOf, timesOf, viewOf, type View } from "./key-events.ts";
import { labelledOf, scaleOf, type PlaceAt } from "./key-scale.ts";
import type { Message, Settlement, Trial, WrongKey } from "./keys.ts";
import { cut, markup, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";

const rowPx = 20;
const headPx = 22;
/** Of one message, and tries of one holder or producer; more are in the list. */
const holdsMax = 8;
const triesMax = 4;
const reasonsMax = 4;
/** Of a hold, in hundredths of the width. */
const labelWidth = 16;
/** Of a moment, on a narrow screen. */
const narrowLabelWidth = 24;

/** With the axis that it is drawn on. */
interface Drawn extends View {
  readonly at: PlaceAt;
}

export function keyTimeline(wrong: WrongKey, id: string, span: Span): Markup {
  const seen = viewOf(wrong, span);
  const events = [...seen.messages.flatMap(timesOf), ...seen.times];
  const view: Drawn = { ...seen, at: scaleOf(seen.from, seen.to, events) };
  const more = wrong.messages.size - view.messages.length;
  const beyond =
    more > 0
      ? ` ${count(view.messages.length)} of its ${count(wrong.messages.size)} messages: those nearest to what is wrong.`
      : "";
  return markup`<article id="${id}"><h3>Key ${cut(wrong.key, 80)}${wrong.queue === undefined ? undefined : markup` <span class="at">of queue ${cut(wrong.queue, 80)}</span>`}</h3>
${said(wrong)}
${wrong.messages.size === 0 ? markup`<p class="note">The history has nothing of this key.</p>` : markup`${drawn(view, span)}<p class="note">${moment(view.from - span.from)} to ${moment(view.to - span.from)}; long times between two events are drawn shorter than they were.${beyond}</p>${list(wrong, view, span)}`}</article>
`;
}

function said({ findings }: WrongKey): Markup {
  const items = findings
    .slice(0, reasonsMax)
    .map(
      ({ check, finding }) =>
        markup`<li><b>${check}</b><span>${cut(finding.what, 600)}</span></li>`,
    );
  const more = findings.length - items.length;
  const rest =
    more > 0 ? markup`<li class="plain">and ${more} more, among the checks</li>` : undefined;
  return markup`<ul class="found">${items}${rest}</ul>`;
}

function drawn(view: Drawn, span: Span): Markup {
  const rows = view.messages.map((message) => rowsOf(message));
  const heights = rows.map((some) => Math.max(1, some.length) * rowPx);
  const tops: number[] = [];
  let height = headPx;
  for (const one of heights) {
    tops.push(height);
    height += one;
  }
  const names = view.messages.map((message, at) => {
    const strong = view.named.has(message) ? " named" : "";
    return markup`<span class="message${strong}" style="top:${tops[at] ?? 0}px" title="${cut(message.body, 200)}"><small>${message.keySeq ?? "?"}</small> ${cut(message.body, 60)}</span>`;
  });
  const shapes = view.messages.map((message, at) =>
    shapesOf(message, rows[at] ?? [], tops[at] ?? 0, view, span),
  );
  const ticks = ticksAt(view).map(
    ({ at, label, crowded }) =>
      markup`<line class="rule" x1="${at}%" x2="${at}%" y1="${headPx - 4}" y2="${height}"/><text${crowded ? markup` class="odd"` : undefined} x="${at}%" y="12">${moment(label - span.from)}</text>`,
  );
  const times = view.times.map(
    (time) =>
      markup`<line class="finding" x1="${view.at(time)}%" x2="${view.at(time)}%" y1="${headPx - 4}" y2="${height}"/>`,
  );
  const text = `${counted(view.messages.length, "message")}, ${moment(view.from - span.from)} to ${moment(view.to - span.from)}; the list below says the same`;
  return markup`<div class="messages" style="height:${height}px"><div class="names">${names}</div><div class="plot"><svg role="img" aria-label="${text}" height="${height}">
${ticks}${times}${shapes.map(({ drawn }) => drawn)}</svg>${shapes.map(({ labels }) => labels)}</div></div>
`;
}

/** Crowded: on a narrow screen there would be no room for its label. */
function ticksAt(view: Drawn): { at: number; label: number; crowded: boolean }[] {
  let last = -Infinity;
  return labelledOf(view.at, view.times, view.messages.flatMap(timesOf)).map((label) => {
    const at = view.at(label);
    const crowded = at - last < narrowLabelWidth;
    if (!crowded) last = at;
    return { at, label, crowded };
  });
}

/** Someone had the message, or wanted to settle it. */
interface Hold {
  readonly delivery?: Delivered;
  readonly settlements: Settlement[];
}

/** A settlement stands beside the delivery that it answers: the latest before it with its token, to its process. */
function rowsOf({ deliveries, settlements }: Message): Hold[] {
  const holds: Hold[] = deliveries.map((delivery) => ({ delivery, settlements: [] }));
  for (const settlement of settlements) {
    const own = holds.findLast(
      ({ delivery }) =>
        delivery !== undefined &&
        delivery.token === settlement.token &&
        delivery.process === settlement.process &&
        delivery.time <= settlement.asked,
    );
    if (own === undefined) holds.push({ settlements: [settlement] });
    else own.settlements.push(settlement);
  }
  return holds.toSorted((a, b) => holdStart(a) - holdStart(b)).slice(0, holdsMax);
}

const holdStart = ({ delivery, settlements }: Hold): number =>
  delivery?.time ?? settlements[0]?.asked ?? 0;

interface Shapes {
  readonly drawn: Markup;
  readonly labels: Markup;
}

function shapesOf(
  message: Message,
  holds: readonly Hold[],
  top: number,
  view: Drawn,
  span: Span,
): Shapes {
  const enqueues = message.enqueues
    .slice(0, triesMax)
    .map((trial) => enqueueShape(trial, top + rowPx / 2, view, span));
  const tries = message.enqueues.slice(0, triesMax);
  const held = holds.map((hold, at) =>
    holdShape(hold, top + (at + 0.5) * rowPx, at === 0 ? tries : [], view, span),
  );
  const edge = markup`<line class="level" x1="0" x2="100%" y1="${top}" y2="${top}"/>`;
  return {
    drawn: markup`${edge}${enqueues}${held.map(({ drawn }) => drawn)}
`,
    labels: markup`${held.map(({ labels }) => labels)}`,
  };
}

/** A line from the question to the answer, and a ring at the answer; no answer: the line goes on. */
function enqueueShape(trial: Trial, y: number, view: Drawn, span: Span): Markup {
  const { asked, told, outcome, process, f } = trial;
  const [from, to] = [view.at(asked), view.at(told ?? view.to)];
  const title = `${f} by ${process}, ${outcome}, asked at ${moment(asked - span.from)}: ${cut(trial.detail, 160)}`;
  const ring =
    told === undefined
      ? undefined
      : markup`<circle class="${outcome}" cx="${to}%" cy="${y}" r="3.5"/>`;
  return markup`<g class="enqueue"><title>${title}</title><line class="trial ${outcome}" x1="${from}%" x2="${to}%" y1="${y}" y2="${y}"/>${ring}</g>`;
}

/** The lease as a bar, up to its settlement or its end; beside it, and beside the enqueues just before it, who had it, under which token, and how it ended. */
function holdShape(
  { delivery, settlements }: Hold,
  y: number,
  tries: readonly Trial[],
  view: Drawn,
  span: Span,
): Shapes {
  const settled = settlements.find(({ outcome }) => outcome === "ok");
  const last = settlements.at(-1);
  const dots = settlements.slice(-triesMax).map(({ f, asked, told, outcome, detail }) => {
    const [x1, x2] = [view.at(asked), view.at(told ?? view.to)];
    return markup`<g><title>${`${f}, ${outcome}, asked at ${moment(asked - span.from)}: ${cut(detail, 160)}`}</title><line class="trial ${outcome}" x1="${x1}%" x2="${x2}%" y1="${y}" y2="${y}"/><circle class="full ${outcome}" cx="${x2}%" cy="${y}" r="3.5"/></g>`;
  });
  const from = delivery?.time ?? last?.asked ?? view.from;
  const until =
    delivery === undefined ? from : Math.min(settled?.told ?? delivery.leaseEnds, view.to);
  const end = Math.max(until, ...settlements.map(({ asked, told }) => told ?? asked));
  const left = view.at(from);
  const width = Math.max(0, view.at(until) - left);
  const process = delivery?.process ?? last?.process ?? "";
  const bar =
    delivery === undefined
      ? undefined
      : markup`<g><title>${`delivered to ${process} at ${moment(delivery.time - span.from)}, token ${delivery.token}${delivery.redelivery === "" ? "" : `, again: ${cut(delivery.redelivery, 120)}`}`}</title><rect class="lease${delivery.redelivery === "" ? "" : " again"}" x="${left}%" y="${y - 6}" width="${width}%" height="12"/><rect class="grant" x="${left}%" y="${y - 7}" width="2.5" height="14"/></g>`;
  const token = delivery?.token ?? last?.token ?? 0;
  const how = last === undefined ? "" : ` · ${ending(last)}`;
  const label = `${process} · token ${token}${how}`;
  const near = tries.filter(({ told = view.to }) => isJustBefore(view.at(told), left));
  const start = Math.min(left, ...near.map(({ asked }) => view.at(asked)));
  const labels = labelled(label, view.at(Math.min(end, view.to)), start, y);
  return { drawn: markup`${bar}${dots}`, labels };
}

/** So near that a label between them would lie upon the one before. */
const isJustBefore = (at: number, left: number): boolean => at < left && at > left - labelWidth;

const ending = ({ f, outcome }: Settlement): string =>
  outcome === "ok" ? f : outcome === "fail" ? `${f} refused` : `${f}?`;

/** After the shapes where there is room for it, else before them, else upon them. */
function labelled(label: string, right: number, left: number, y: number): Markup {
  const where =
    right <= 60
      ? `left:${right}%`
      : left >= 40
        ? `right:${coordinate(100 - left)}%`
        : `left:${left}%`;
  return markup`<span style="${where};top:${y - 8}px">${label}</span>`;
}

function list(wrong: WrongKey, view: View, span: Span): Markup {
  const { events, beyond } = eventsOf(wrong, view, span);
  const rows = events.map(
    ({
      time,
      process,
      what,
      body,
      result,
      detail,
    }) => markup`<tr><td class="number">${moment(time - span.from, 6)}</td><td>${process}</td><td>${what}${result === "seen" ? undefined : ` · ${result}`}</td><td>${cut(body, 80)}</td><td>${cut(detail, 240)}</td></tr>
`,
  );
  return markup`<details><summary>${counted(events.length, "event")} as a list</summary>
<table><thead><tr><th class="number">At</th><th>Process</th><th>Event</th><th>Message</th><th>Details</th></tr></thead><tbody>
${rows}</tbody></table>${beyond > 0 ? markup`<p class="note">${count(beyond)} more are in the history.</p>` : undefined}</details>`;
}

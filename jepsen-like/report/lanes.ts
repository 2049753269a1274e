// Who suffered what when: a lane for each node, one for what hit the network or the clients as a whole. The line at the foot of a lane is
// leadership.

import type { Fault, Injected } from "../nemesis/fault.ts";
import type { LeaderChange, RunData } from "./data.ts";
import { coordinate, duration, moment } from "./format.ts";
import { cut, markup, type Markup } from "./markup.ts";
import { strip } from "./plot.ts";
import { across, type Span } from "./span.ts";

/** Bars, and times of leadership; more are in the tables only: the page would grow with the run. */
const drawnMax = 1_500;
const rowPx = 19;
const footPx = 9;
/** Hundredths of the width that a name takes, by its length; in a lane with more faults than `namedMax` names show when enlarged. */
const nameRoom = ({ fault }: Injected): number => 1.5 + 0.65 * fault.length;
const namedMax = 40;
/** As many lanes more than nodes at the start before lanes are shared. */
const seatsToSpare = 3;

type Kind = Fault["kind"] | "other";

export function kindOf({ catalogue }: RunData, fault: string): Kind {
  return catalogue.find(({ name }) => name === fault)?.kind ?? "other";
}

export function lanes(data: RunData, span: Span, background: Markup): Markup {
  const drawn = drawnOf(data);
  const whole = drawn.filter(({ targets }) => targets.length === 0);
  return markup`${seatsOf(data, drawn).map((seat) =>
    lane(
      seat.length === 1 ? "Node" : "Nodes",
      seat.map(({ id }) => id),
      drawn.filter(({ targets }) => seat.some(({ id }) => targets.includes(id))),
      seat.flatMap(({ id, from }) => [
        ...leads(data.leaders, id, span),
        ...deaths(data, id, span),
        ...(seat.length === 1
          ? []
          : [
              markup`<i class="tenant" style="left:${across(span, from)}%" title="node ${id}, from here on">${id}</i>`,
            ]),
      ]),
    ),
  )}${whole.length > 0 ? lane("As a whole", [], whole, []) : undefined}`;

  function lane(
    name: string,
    ids: readonly number[],
    faults: readonly Injected[],
    foot: readonly Markup[],
  ): Markup {
    const places = packed(faults, span);
    const bars = places.map((place) => bar(data, span, place));
    const rows = Math.max(0, ...places.map(({ row }) => row)) + 1;
    const height = rows * rowPx + footPx;
    const layer = markup`${bars}${foot}`;
    const named = markup`${[name, cut(ids.join(", "), 40)].join(" ").trim()}`;
    return strip({ name: named, height, levels: [], layer }, background);
  }
}

interface Tenant {
  readonly id: number;
  /** The first and the last that is known of it. */
  readonly from: number;
  readonly to: number;
}

/** A lane each; but where members were replaced again and again, a node takes the lane of one of which nothing more is known. */
function seatsOf({ facts, leaders, deaths }: RunData, drawn: readonly Injected[]): Tenant[][] {
  const tenants = new Map<number, Tenant>();
  const see = (id: number, from: number, to: number): void => {
    const known = tenants.get(id) ?? { from, to };
    tenants.set(id, { id, from: Math.min(from, known.from), to: Math.max(to, known.to) });
  };
  for (const { targets, from, to } of drawn) for (const id of targets) see(id, from, to);
  for (const [at, { nodeId, time }] of leaders.entries())
    see(nodeId, time, leaders[at + 1]?.time ?? Infinity);
  for (const { nodeId, time } of deaths) see(nodeId, time, time);
  for (let id = 1; id <= facts.nodes; id += 1) see(id, -Infinity, -Infinity);
  const all = [...tenants.values()].toSorted((a, b) => a.id - b.id);
  if (all.length <= facts.nodes + seatsToSpare) return all.map((one) => [one]);
  const seats: Tenant[][] = [];
  for (const one of all) {
    const seat = seats.find((some) => some.every(({ to }) => to <= one.from));
    if (seat === undefined || one.id <= facts.nodes) seats.push([one]);
    else seat.push(one);
  }
  return seats;
}

/** The first faults, as far as there are bars for all their targets. */
export function drawnOf({ injected }: RunData): readonly Injected[] {
  let bars = 0;
  const end = injected.findIndex(({ targets }) => (bars += Math.max(1, targets.length)) > drawnMax);
  return end === -1 ? injected : injected.slice(0, end);
}

interface Place {
  readonly fault: Injected;
  readonly row: number;
  /** Hundredths of the width; `room`: up to the next of its row, for its name. */
  readonly left: number;
  readonly width: number;
  room: number;
}

/** Those at one time stand below each other; so do those whose names would collide, while there are rows for that. */
function packed(faults: readonly Injected[], span: Span): Place[] {
  const rows: Place[][] = [];
  const places: Place[] = [];
  const rowsForNamesMax = faults.length <= namedMax ? 3 : 0;
  for (const fault of faults.toSorted((a, b) => a.from - b.from)) {
    const left = across(span, fault.from);
    const width = across(span, fault.to) - left;
    const behind = (share: 0 | 1) => (row: readonly Place[]) =>
      row.every(
        (place) => place.left + Math.max(place.width, share * nameRoom(place.fault)) <= left,
      );
    const roomy = rows.findIndex(behind(1));
    const free = roomy !== -1 || rows.length < rowsForNamesMax ? roomy : rows.findIndex(behind(0));
    const row = free === -1 ? rows.length : free;
    const last = rows[row]?.at(-1);
    if (last !== undefined) last.room = coordinate(left - last.left);
    const place = { fault, row, left, width, room: coordinate(100 - left) };
    places.push(place);
    rows[row] = [...(rows[row] ?? []), place];
  }
  return places;
}

/** The name stands behind the bar, or in it, where there is more room; the style hides what has no room at all. */
function bar(data: RunData, span: Span, { fault, row, left, width, room }: Place): Markup {
  const unseen = fault.observed === undefined;
  const seen = fault.observed === undefined ? "no visible effect" : cut(fault.observed, 80);
  const title = `${fault.fault}: ${cut(fault.what, 80)}\n${moment(fault.from - span.from, 1)}, for ${duration(fault.to - fault.from)}\nobserved: ${seen}`;
  const inside = width > room / 2;
  const size = Math.min(4, Math.ceil(fault.fault.length / 6));
  const classes = `bar ${kindOf(data, fault.fault)}${unseen ? " unseen" : ""}${inside ? " inside" : ""} size${size}`;
  const share = coordinate((width / Math.max(room, 0.01)) * 100);
  const wide = `${Math.min(share, 100)}%`;
  const name = inside
    ? markup`<b style="max-width:${wide}">${fault.fault}</b>`
    : markup`<b>${fault.fault}</b>`;
  return markup`<div class="${classes}" style="left:${left}%;width:${room}%;top:${row * rowPx + 2}px" title="${title}"><i style="width:${wide}"></i>${name}</div>
`;
}

function leads(leaders: readonly LeaderChange[], id: number, span: Span): Markup[] {
  return leaders.flatMap(({ nodeId, term, time }, at) => {
    if (nodeId !== id || at >= drawnMax) return [];
    const left = across(span, time);
    const width = across(span, leaders[at + 1]?.time ?? span.to) - left;
    return [
      markup`<i class="leads" style="left:${left}%;width:${width}%" title="node ${id} leads in term ${term}, from ${moment(time - span.from, 1)}"></i>`,
    ];
  });
}

function deaths(data: RunData, id: number, span: Span): Markup[] {
  return data.deaths
    .filter(({ nodeId }) => nodeId === id)
    .slice(0, 50)
    .map(
      ({ time }) =>
        markup`<i class="death" style="left:${across(span, time)}%" title="the process ended by itself, at ${moment(time - span.from)}">×</i>`,
    );
}

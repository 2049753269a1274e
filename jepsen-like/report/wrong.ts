// What is wrong, for those who open the page of a run that failed: which check, which key, when, under which fault; each with the way to
// where the page shows more of it.

import type { Finding, Verdict } from "../checkers/contract.ts";
import type { RunData } from "./data.ts";
import { counted, duration, moment } from "./format.ts";
import { idOf, type WrongKey } from "./keys.ts";
import { cut, markup, type Markup } from "./markup.ts";
import type { Span } from "./span.ts";

const reasonsMax = 40;
const keysNamed = 3;
const faultsNamed = 4;
/** Marks on the picture of the run. */
const marksMax = 200;

export interface Places {
  /** The anchor of a finding's key, if the page draws it. */
  readonly key: (finding: Finding) => string | undefined;
  /** The anchor of a check. */
  readonly check: (verdict: Verdict) => string;
}

export function placesOf({ verdicts }: RunData, wrong: readonly WrongKey[]): Places {
  const keys = new Map(wrong.map(({ queue, key }, at) => [idOf(queue, key), `key-${at + 1}`]));
  return {
    key: ({ queue, key }) => (key === undefined ? undefined : keys.get(idOf(queue, key))),
    check: (verdict) => `check-${verdicts.indexOf(verdict) + 1}`,
  };
}

/** A moment that, when it is followed, is enlarged in the picture of the run. */
export function momentLink(span: Span, time: number, text = moment(time - span.from)): Markup {
  const at = time - span.from;
  return markup`<a href="#run" data-from="${at}" data-to="${at}">${text}</a>`;
}

/** The reasons of the verdict; those that a check gave lead to it, and to what its first finding is about. */
export function reasons(data: RunData, span: Span, places: Places): Markup {
  const items = data.overall.reasons.slice(0, reasonsMax).map((reason) => {
    const verdict = data.verdicts.find(({ check }) => reason.startsWith(`${check}: `));
    if (verdict === undefined) return markup`<li class="plain">${cut(reason)}</li>`;
    const [first, ...others] = verdict.findings;
    const ways = [
      ...(first === undefined ? [] : waysTo(first, span, places)),
      ...(others.length > 0
        ? [markup`<a href="#${places.check(verdict)}">${others.length} more</a>`]
        : []),
    ];
    return markup`<li><b><a href="#${places.check(verdict)}">${verdict.check}</a></b><span>${cut(reason.slice(verdict.check.length + 2))}<small>${joined(ways)}</small></span></li>`;
  });
  return markup`<ul id="reasons" class="found">${items}</ul>`;
}

/** Of one finding: when, and its key. */
export function whereOf(finding: Finding, span: Span, places: Places): Markup {
  return markup` <small>${joined(waysTo(finding, span, places))}</small>`;
}

function waysTo(finding: Finding, span: Span, places: Places): Markup[] {
  const [first] = finding.times ?? [];
  const place = places.key(finding);
  return [
    ...(first === undefined ? [] : [markup`at ${momentLink(span, first)}`]),
    ...(place === undefined ? [] : [markup`<a href="#${place}">its key’s timeline</a>`]),
  ];
}

const joined = (parts: readonly Markup[]): Markup =>
  markup`${parts.map((part, at) => markup`${at === 0 ? "" : " · "}${part}`)}`;

const violations = ({ verdicts }: RunData): Verdict[] =>
  verdicts.filter(({ result }) => result === "violated");

/** One paragraph: how much is wrong, where, when, and what was done to the cluster then. */
export function whereabouts(
  data: RunData,
  wrong: readonly WrongKey[],
  span: Span,
): Markup | undefined {
  const violated = violations(data);
  if (violated.length === 0) return undefined;
  const times = violated
    .flatMap(({ findings }) => findings.flatMap(({ times }) => [...(times ?? [])]))
    .sort((a, b) => a - b);
  const [first, last] = [times[0], times.at(-1)];
  return markup`<p class="where">${violated.length} of ${counted(data.verdicts.length, "check")} violated.${keysOf(wrong)}${first === undefined || last === undefined ? undefined : markup` ${when(first, last, data, span)}`}</p>
`;
}

function keysOf(wrong: readonly WrongKey[]): Markup | undefined {
  if (wrong.length === 0) return undefined;
  const named = wrong
    .slice(0, keysNamed)
    .map(
      ({ queue, key }, at) =>
        markup`${at === 0 ? " " : ", "}<a href="#key-${at + 1}">${key === "" ? "no key" : `key ${cut(key, 80)}`}${queue === undefined ? "" : ` of queue ${cut(queue, 80)}`}</a>`,
    );
  const more = wrong.length - named.length;
  return markup` Concerned:${named}${more > 0 ? ` and ${more} more` : ""}.`;
}

function when(first: number, last: number, data: RunData, span: Span): Markup {
  const until =
    last - first < 1_000
      ? undefined
      : markup` to ${momentLink(span, last)} (${duration(last - first)})`;
  return markup`At ${momentLink(span, first)}${until}, ${meanwhile(data, first, last)}.`;
}

/** Faults in force then; if there were none, the last before. */
function meanwhile({ injected }: RunData, first: number, last: number): string {
  const names = [
    ...new Set(injected.filter(({ from, to }) => from <= last && to >= first).map((f) => f.fault)),
  ];
  if (names.length > 0) {
    const more = names.length - faultsNamed;
    return `under ${names.slice(0, faultsNamed).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
  const before = injected.filter(({ to }) => to < first).toSorted((a, b) => b.to - a.to)[0];
  return before === undefined
    ? "before any fault"
    : `${duration(first - before.to)} after ${before.fault}`;
}

export interface Mark {
  readonly time: number;
  readonly title: string;
}

/** What the findings of violated checks say about times, for the picture. */
export function marksOf(data: RunData): Mark[] {
  return violations(data)
    .flatMap(({ check, findings }) =>
      findings.flatMap(({ what, times }) =>
        [...(times ?? [])].map((time) => ({ time, title: `${check}: ${cut(what, 160)}` })),
      ),
    )
    .slice(0, marksMax);
}

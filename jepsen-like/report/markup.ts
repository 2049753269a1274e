// HTML from values.
//   M1. What is put into a template is text, and escaped, unless it is Markup itself: bodies, keys and messages come from servers
//       under test, and from faults that flip bits.
//   M2. Only `trusted` makes Markup from a string; it is called with this folder's own style and script, and with paths of numbers.

import { counted } from "./format.ts";

export interface Markup {
  readonly markup: string;
}

export type Part = string | number | Markup | undefined | readonly Markup[];

const names: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that HTML does not have, and those that turn the direction of what follows, become U+FFFD. */
export function escaped(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
    .replace(/[&<>"']/g, (character) => names[character] ?? "");
}

export const trusted = (markup: string): Markup => ({ markup });

/** Template tag: undefined is nothing, a list is its items. */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let all = texts[0] ?? "";
  for (const [at, part] of parts.entries()) all += shown(part) + (texts[at + 1] ?? "");
  return { markup: all };
}

function shown(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escaped(part);
  if ("markup" in part) return part.markup;
  return part.map((item) => item.markup).join("");
}

/** At most `charactersMax` of it: what servers say may be long. */
export function cut(text: string, charactersMax = 400): string {
  if (text.length <= charactersMax) return text;
  return `${text.slice(0, charactersMax)}… (${counted(text.length, "character")})`;
}

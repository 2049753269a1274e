// HTML and SVG from values. What is put into a template is text, and escaped, unless it is Markup itself.

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

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => names[character] ?? "");
}

/** Only for what this folder has written itself. */
export const trusted = (markup: string): Markup => ({ markup });

/** Template tag: undefined is nothing, a list is its items, a number has at most two decimals. */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let all = texts[0] ?? "";
  for (const [at, part] of parts.entries()) all += shown(part) + (texts[at + 1] ?? "");
  return { markup: all };
}

function shown(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(Math.round(part * 100) / 100);
  if (typeof part === "string") return escaped(part);
  if ("markup" in part) return part.markup;
  return part.map((item) => item.markup).join("");
}

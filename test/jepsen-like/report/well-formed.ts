// A small reader of the page: are its tags balanced, its attributes quoted, and what does it say as text?

const alone = new Set(["meta", "br", "link", "img", "input", "hr", "col"]);
const tag = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z][a-z0-9-]*(?:="[^"<>]*")?)*)\s*(\/?)>/gi;

/** What is wrong with it; empty: nothing. */
export function faultsOf(page: string): string[] {
  const faults: string[] = [];
  const open: string[] = [];
  const bare = page
    .replace(/^<!doctype html>/, "")
    .replace(/(<(script|style)\b[^>]*>)[\s\S]*?(<\/\2>)/g, "$1$3");
  for (const [, closing, name, , itself] of bare.matchAll(tag)) {
    if (alone.has(name!) || itself === "/") continue;
    if (closing === "") open.push(name!);
    else if (open.at(-1) === name) open.pop();
    else faults.push(`</${name!}> where <${open.at(-1) ?? "nothing"}> is open`);
  }
  faults.push(...open.map((name) => `<${name}> is not closed`));
  const rest = bare.replace(tag, "");
  for (const [found] of rest.matchAll(/.{0,20}[<>].{0,20}/g)) faults.push(`stray: ${found}`);
  for (const [found] of rest.matchAll(/&(?!amp;|lt;|gt;|quot;|#39;).{0,10}/g))
    faults.push(`stray: ${found}`);
  const ids = [...bare.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: ${id}`);
  for (const [, target] of bare.matchAll(/ href="#([^"]*)"/g))
    if (!ids.includes(target!)) faults.push(`leads nowhere: #${target!}`);
  return faults;
}

/** What a reader sees, tags and all that is not text left out. */
export function textOf(page: string): string {
  return page
    .replace(/<(script|style|title)\b[^>]*>[\s\S]*?<\/\1>/g, " ")
    .replace(tag, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ");
}

/** One element with this id, with what is in it. */
export function elementOf(page: string, name: string, id: string): string {
  const start = page.indexOf(`<${name} id="${id}"`);
  if (start === -1) throw new Error(`no <${name} id="${id}">`);
  return page.slice(start, page.indexOf(`</${name}>`, start) + name.length + 3);
}

// Where a page ended, as the client carries it to the next call: text that means nothing to it.

import type { Bytes, NamePage } from "../../queue/index.ts";
import type { Place } from "../browse.ts";
import { Malformed, queueName, quoted, whole } from "../door.ts";
import { limits } from "../limits.ts";

export function formatPlace({ lane, keySeq }: Place): string {
  return `${formatKey(lane)}.${keySeq}`;
}

/** undefined: from the beginning. @throws {Malformed} */
export function parsePlace(text: string): Place | undefined {
  if (text === "") return undefined;
  const parts = /^(-[A-Za-z0-9_-]{0,512})\.([1-9]\d{0,15})$/.exec(text);
  const keySeq = Number(parts?.[2]);
  if (!Number.isSafeInteger(keySeq)) throw malformed(text);
  return { lane: parseKey(parts?.[1] ?? ""), keySeq };
}

/** The key may be empty, the text may not: that is the beginning. */
export function formatKey(lane: Bytes): string {
  return `-${Buffer.from(lane, "latin1").toString("base64url")}`;
}

/** @throws {Malformed} */
export function parseKey(text: string): Bytes {
  if (!/^-[A-Za-z0-9_-]{0,512}$/.test(text)) throw malformed(text);
  return Buffer.from(text.slice(1), "base64url").toString("latin1");
}

/** What a list by name is asked for. */
export interface SaidPage {
  readonly consistency: unknown;
  readonly prefix: string;
  readonly after: string;
}

/** @throws {Malformed} */
export function namePage(
  { prefix, after }: SaidPage,
  max: number,
  maxField: string,
): NamePage & { readonly max: number } {
  const { listNames } = limits;
  return {
    prefix: prefix === "" ? "" : queueName(prefix, "prefix"),
    after: after === "" ? "" : queueName(after, "after"),
    max: max === 0 ? listNames : whole(max, maxField, 1, listNames),
  };
}

/** A full page may have been the last one: then the next one is empty. */
export function nextName(
  page: readonly { readonly name: string }[],
  { max }: { readonly max: number },
): string {
  return page.length < max ? "" : (page.at(-1)?.name ?? "");
}

function malformed(text: string): Malformed {
  return new Malformed("after", `after is ${quoted(text)}; expected \`next\` of an answer before`);
}

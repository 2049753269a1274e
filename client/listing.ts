// Lists by name, of which the server gives a page at a time.

import type { UnaryMethod } from "./channel.ts";
import type { ListOptions } from "./options.ts";
import { callLeader, type UnaryParts } from "./unary.ts";

/** All pages, in the wire's shape. What is made or deleted meanwhile may be there or not. */
export async function listAll(
  parts: UnaryParts,
  method: Extract<UnaryMethod, "ListQueues" | "ListTopics">,
  field: "queues" | "topics",
  { prefix = "", stale = false, signal }: ListOptions,
): Promise<object[]> {
  const all: object[] = [];
  let after = "";
  do {
    const consistency = stale ? "STALE" : "LINEARIZABLE";
    const { reply } = await callLeader(parts, method, { consistency, prefix, after }, signal);
    const page = reply as Record<typeof field, object[]> & { readonly next: string };
    all.push(...page[field]);
    after = page.next;
  } while (after !== "");
  return all;
}

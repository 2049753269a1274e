// Fields in refusals: the state machine names them in its own words, the API as the request spells them.

import type { Command, Refusal } from "../../queue/index.ts";

const queueKinds: ReadonlySet<Command["kind"]> = new Set([
  "create-queue",
  "create-temporary-queue",
  "update-queue",
  "delete-queue",
]);
const topicKinds: ReadonlySet<Command["kind"]> = new Set([
  "create-topic",
  "update-topic",
  "delete-topic",
]);
/** Fields of requests that create or change something, beside its options. */
const besideOptions: ReadonlySet<string> = new Set([
  "",
  "name",
  "queue",
  "topic",
  "revision",
  "session",
  "temporary",
]);

const messageOption =
  /(^|\.)(dedup_id|expect_key_seq|not_before_ms|delay_ms|expires_at_ms|ttl_ms|priority)$/;

export function spelled(command: Command, refusal: Refusal): Refusal {
  const field = spell(command, refusal);
  return field === refusal.field ? refusal : { ...refusal, field };
}

function spell({ kind }: Command, { field, reason }: Refusal): string {
  if (field === "session") return "session_id";
  if (queueKinds.has(kind)) return field === "queue" ? "name" : ofOptions(field);
  if (topicKinds.has(kind)) return field === "topic" ? "name" : ofOptions(field);
  if (kind === "create-subscription")
    return /^(filter|start)\b/.test(field) ? field : ofOptions(field);
  if (kind === "enqueue" || kind === "enqueue-batch" || kind === "commit")
    return field.replace(/(^|\.)body$/, "$1content").replace(messageOption, "$1message_options.$2");
  if (kind === "settle") return reason === "MESSAGE_NOT_FOUND" ? "lease.key_seq" : field;
  if (kind === "replay") return field === "queue" ? "subscription" : field;
  if (kind === "resolve-parked" && field === "body") return "replace";
  if (reason === "MESSAGE_NOT_FOUND" && field === "") return "key_seq";
  return field;
}

function ofOptions(field: string): string {
  return besideOptions.has(field) || field.startsWith("options.") ? field : `options.${field}`;
}

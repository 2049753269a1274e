// What happened to the messages of one key, collected from the history, for the keys that a finding names.

import type { Call, Finding, History, Verdict } from "../checkers/contract.ts";
import type { Delivered, Lease, Noted } from "../history/record.ts";
import { outcomeOf, type Outcome } from "./series.ts";

/** More keys than these are not drawn: one that sees eight sees what is wrong. */
export const keysMax = 8;

export interface Trial {
  readonly f: string;
  readonly process: string;
  readonly asked: number;
  /** Undefined: never answered. */
  readonly told?: number;
  readonly outcome: Outcome;
  /** Of the entry that decided it, as far as it was told. */
  readonly logIndex?: number;
  /** Where it went, or why it did not. */
  readonly detail: string;
}

export interface Settlement extends Trial {
  readonly token: number;
}

export interface Message {
  readonly body: string;
  keySeq: number | undefined;
  readonly enqueues: Trial[];
  readonly deliveries: Delivered[];
  readonly settlements: Settlement[];
}

/** A key with something wrong. */
export interface WrongKey {
  readonly queue: string | undefined;
  readonly key: string;
  /** With the check that found each. */
  readonly findings: { readonly check: string; readonly finding: Finding }[];
  readonly messages: Map<string, Message>;
  /** What the processes noted that had to do with it. */
  readonly notes: Noted[];
}

/** The violated first; then those that were inconclusive. */
export function wrongKeys(verdicts: readonly Verdict[], history: History): WrongKey[] {
  const wrong = new Map<string, WrongKey>();
  const named = (["violated", "inconclusive"] as const).flatMap((result) =>
    verdicts.filter((verdict) => verdict.result === result),
  );
  for (const { check, findings } of named) {
    for (const finding of findings) {
      if (finding.key === undefined) continue;
      const id = idOf(finding.queue, finding.key);
      const known = wrong.get(id);
      if (known !== undefined) known.findings.push({ check, finding });
      else if (wrong.size < keysMax)
        wrong.set(id, {
          queue: finding.queue,
          key: finding.key,
          findings: [{ check, finding }],
          messages: new Map(),
          notes: [],
        });
    }
  }
  collect(wrong, history);
  return [...wrong.values()];
}

export const idOf = (queue: string | undefined, key: string): string =>
  JSON.stringify([queue ?? null, key]);

/** Of a queue and key, the timelines that it belongs to: a finding need not name the queue. */
function collect(wrong: ReadonlyMap<string, WrongKey>, history: History): void {
  if (wrong.size === 0) return;
  const keys = new Set([...wrong.values()].map(({ key }) => key));
  const of = (queue: string, key: string): WrongKey[] => {
    if (!keys.has(key)) return [];
    return [wrong.get(idOf(queue, key)), wrong.get(idOf(undefined, key))].filter(
      (one) => one !== undefined,
    );
  };
  for (const call of history.calls) addCall(call, of);
  for (const delivery of history.delivered)
    for (const one of of(delivery.queue, delivery.key)) {
      const message = messageOf(one, delivery.body);
      message.keySeq ??= delivery.keySeq;
      message.deliveries.push(delivery);
    }
  for (const one of wrong.values()) {
    const concerned = new Set(
      [...one.messages.values()].flatMap(({ deliveries }) =>
        deliveries.map(({ process }) => process),
      ),
    );
    one.notes.push(...history.notes.filter(({ process }) => concerned.has(process)));
  }
}

type Of = (queue: string, key: string) => WrongKey[];

function addCall(call: Call, of: Of): void {
  const { asked } = call;
  switch (asked.f) {
    case "enqueue":
      addEnqueue(call, asked, of);
      break;
    case "enqueue-batch":
      for (const { key, body } of asked.messages)
        addEnqueue(call, { queue: asked.queue, key, body }, of);
      break;
    case "commit":
      for (const enqueue of asked.enqueues) addEnqueue(call, enqueue, of);
      for (const lease of asked.acks) addSettlement(call, lease, of);
      break;
    case "ack":
    case "nack":
    case "reject":
    case "release":
      addSettlement(call, asked, of);
      break;
    case "receive":
    case "get-queue":
    case "browse":
    case "create-queue":
      break;
  }
}

function addEnqueue(
  call: Call,
  { queue, key, body }: { readonly queue: string; readonly key: string; readonly body: string },
  of: Of,
): void {
  for (const one of of(queue, key)) {
    const placed = call.told?.told?.placed?.find((place) => place.body === body);
    const message = messageOf(one, body);
    message.keySeq ??= placed?.keySeq;
    const detail =
      placed === undefined
        ? reasonOf(call)
        : `seq ${placed.seq}, log index ${placed.logIndex}${placed.deduplicated ? ", deduplicated" : ""}`;
    message.enqueues.push({ ...trialOf(call, placed?.logIndex), detail });
  }
}

function addSettlement(call: Call, lease: Lease, of: Of): void {
  for (const one of of(lease.queue, lease.key)) {
    const message = messageOf(one, lease.body);
    message.keySeq ??= lease.keySeq;
    const { logIndex, already } = call.told?.told ?? {};
    const index = logIndex === undefined ? "" : `log index ${logIndex}`;
    const detail =
      call.told?.type === "ok"
        ? `${index}${already === true ? ", already settled" : ""}`
        : reasonOf(call);
    message.settlements.push({ ...trialOf(call, logIndex), token: lease.token, detail });
  }
}

function trialOf(call: Call, logIndex: number | undefined): Omit<Trial, "detail"> {
  const { asked, told } = call;
  return {
    ...{ f: asked.f, process: asked.process, asked: asked.time, outcome: outcomeOf(call) },
    ...(told === undefined ? {} : { told: told.time }),
    ...(logIndex === undefined ? {} : { logIndex }),
  };
}

function reasonOf({ told }: Call): string {
  if (told === undefined) return "never answered";
  return [told.reason, told.message].filter((text) => text !== undefined).join(": ");
}

function messageOf({ messages }: WrongKey, body: string): Message {
  let message = messages.get(body);
  if (message === undefined) {
    message = { body, keySeq: undefined, enqueues: [], deliveries: [], settlements: [] };
    messages.set(body, message);
  }
  return message;
}

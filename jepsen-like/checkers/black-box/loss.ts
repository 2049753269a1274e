// Q1: nothing that was acknowledged is lost. Q2: nothing comes that nobody sent.
//   A message may go from queue to dead-letter queue, so its way is followed. What may have become of it:
//   - some ack of it may have taken effect (also one without an answer);
//   - it was still there when the queue was browsed last, after its enqueue had been answered;
//   - it moved to the dead-letter queue, and there the same is true of it;
//   - the queue discards what failed for good, as its owner wrote: nothing can be said of it then.
//   Assumes: queues are looked at (browse) at the end; messages do not expire, nobody purges, cancels or skips.

import type { Check, DeclaredQueue } from "../contract.ts";
import { counted, Findings } from "./findings.ts";
import {
  allMessages,
  enqueueOf,
  isThere,
  keyOf,
  messageOf,
  nameOf,
  possible,
  type Message,
  type View,
  viewOf,
} from "./view.ts";

type Fate = "settled" | "there" | "lost" | "untold";

export const noLoss: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q1 no loss");
  let acknowledged = 0;
  let there = 0;
  for (const message of allMessages(view)) {
    const enqueued = enqueueOf(message);
    if (enqueued === undefined || enqueued.ret === Infinity) continue;
    acknowledged += 1;
    const fate = fateOf(view, message, enqueued.ret);
    if (fate === "there") there += 1;
    if (fate === "untold")
      findings.undecided(
        `${nameOf(message)} was never acked, and its queue was not looked at in time after its enqueue`,
      );
    if (fate === "lost")
      findings.add({
        what: `Lost: ${nameOf(message)}, key ${keyOf(message)}, was acknowledged at ${view.at(enqueued.ret)}; nobody acked it, and it is not there at the end${neighbours(view, message)}.`,
        ...{ queue: message.queue, key: keyOf(message), times: [enqueued.inv, enqueued.ret] },
      });
  }
  return findings.verdict(
    `${counted(acknowledged, "acknowledged message")}, ${there.toLocaleString("en")} of them still there`,
  );
};

function fateOf(view: View, message: Message, since: number): Fate {
  if (possible(message, "ack")) return "settled";
  if (isThere(view, message)) return "there";
  const queue = view.queues.get(message.queue);
  const last = view.lastBrowse.get(message.queue);
  const moved = queue === undefined ? undefined : fateAsLetter(view, queue, message, last?.ret);
  if (moved === "settled" || moved === "there") return moved;
  if (queue?.onExhausted === "DISCARD") return "settled";
  if (last === undefined || last.inv < since) return "untold";
  return moved ?? "lost";
}

/** Undefined: this queue has no dead letters. `since`: the queue that it left was looked at until then. */
function fateAsLetter(
  view: View,
  queue: DeclaredQueue,
  { body }: Message,
  since: number | undefined,
): Fate | undefined {
  const target = queue.deadLetterQueue;
  if (target === "" || target === queue.name || queue.onExhausted !== "DEAD_LETTER")
    return undefined;
  const letter = messageOf(view, target, body);
  if (letter !== undefined) {
    if (possible(letter, "ack")) return "settled";
    if (isThere(view, letter)) return "there";
  }
  const last = view.lastBrowse.get(target);
  // Between two looks it may have gone from the queue that was looked at later to the one that was looked at before.
  return last === undefined || since === undefined || last.inv < since ? "untold" : "lost";
}

/** Which of its producer's messages were lost: the first ones, the last ones, or some between (Q8). */
function neighbours(view: View, { queue, body }: Message): string {
  const dash = body.lastIndexOf("-");
  const producer = body.slice(0, dash);
  const counter = Number(body.slice(dash + 1));
  if (producer === "" || !Number.isInteger(counter)) return "";
  const next = messageOf(view, queue, `${producer}-${counter + 1}`);
  const before = messageOf(view, queue, `${producer}-${counter - 1}`);
  const kept = (one: Message | undefined): boolean =>
    one !== undefined && one.deliveries.length > 0;
  if (kept(next) && kept(before)) return "; those before and after it from the same producer came";
  if (kept(before)) return "; the one before it from the same producer came";
  if (kept(next)) return "; the one after it from the same producer came";
  return "";
}

export const noPhantom: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q2 no phantom");
  let looked = 0;
  for (const message of allMessages(view)) {
    const { deliveries, sightings } = message;
    looked += deliveries.length + sightings.length;
    const origin = originOf(view, message);
    for (const { process, time, key } of deliveries) {
      const wrong = wrongness(view, message, origin, time, key);
      if (wrong === undefined) continue;
      findings.add({
        what: `Phantom: ${nameOf(message)} came to ${process} at ${view.at(time)}, ${wrong}.`,
        ...{ queue: message.queue, key, times: [time] },
      });
      break;
    }
    for (const { browse, key } of sightings) {
      const wrong = wrongness(view, message, origin, browse.ret, key);
      if (wrong === undefined) continue;
      findings.add({
        what: `Phantom: ${nameOf(message)} was seen in the queue at ${view.at(browse.ret)}, ${wrong}.`,
        ...{ queue: message.queue, key, times: [browse.ret] },
      });
      break;
    }
  }
  return findings.verdict(`${counted(looked, "sight")} of messages`);
};

interface Origin {
  /** Earliest call that may have put it there; Infinity: none. */
  inv: number;
  readonly keys: Set<string>;
  failed: boolean;
}

function originOf(view: View, message: Message, depth = 0): Origin {
  const origin: Origin = { inv: Infinity, keys: new Set(), failed: false };
  for (const { effect, key } of message.attempts) {
    if (effect.outcome === "fail") origin.failed = true;
    else {
      origin.inv = Math.min(origin.inv, effect.inv);
      origin.keys.add(key);
    }
  }
  // Dead letters of dead letters: a ring of queues would go on for ever.
  if (depth > 3) return origin;
  for (const source of view.sources.get(message.queue) ?? []) {
    const before = messageOf(view, source.name, message.body);
    if (before === undefined) continue;
    const there = originOf(view, before, depth + 1);
    origin.inv = Math.min(origin.inv, there.inv);
    for (const key of there.keys) origin.keys.add(key);
    if (there.failed) origin.failed = true;
  }
  return origin;
}

function wrongness(
  view: View,
  { queue }: Message,
  origin: Origin,
  time: number,
  key: string,
): string | undefined {
  if (origin.inv === Infinity)
    return origin.failed ? "although its enqueue had failed" : "and nobody ever enqueued it";
  if (origin.inv > time) return `and its enqueue began only at ${view.at(origin.inv)}`;
  // Where order is by key, the key is part of what was asked for.
  if (view.queues.get(queue)?.ordering === "KEY" && !origin.keys.has(key))
    return `with key ${key} instead of ${[...origin.keys].join(" or ")}`;
  return undefined;
}

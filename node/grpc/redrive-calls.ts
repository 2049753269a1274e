// Dead letters back to where they came from (O5): a page of the dead-letter queue is looked at here, the state machine decides
// about each letter.

import type { DeadLetter } from "../../queue/index.ts";
import type { LoadedMessage } from "../browse.ts";
import { bytesOf, key, oneOf, queueName } from "../door.ts";
import { limits } from "../limits.ts";
import { howMany, type Asker, type SaidCaller } from "./asker.ts";
import { browserOf } from "./looking-calls.ts";
import { formatPlace, parsePlace } from "./pages.ts";

interface SaidFilter {
  readonly queue: string;
  readonly key: string;
  readonly cause: unknown;
  readonly error: string;
}
interface SaidRedrive {
  readonly caller: SaidCaller | null;
  readonly queue: string;
  readonly filter: SaidFilter | null;
  readonly maxMessages: number;
  readonly after: string;
  readonly dryRun: boolean;
  readonly force: boolean;
}

const causes = {
  EXHAUSTED: "exhausted",
  REJECTED: "rejected",
  EXPIRED: "expired",
  SKIPPED: "skipped",
} as const;

export function redriveCalls(asker: Asker) {
  return {
    Redrive: async (said: SaidRedrive): Promise<object> => {
      const origin = asker.origin(said.caller);
      const queue = queueName(said.queue);
      const limit = howMany(said.maxMessages, "max_messages", limits.redriveMessages, 100);
      const after = parsePlace(said.after);
      const wanted = filterOf(said.filter);
      await asker.readable("LINEARIZABLE");
      const { browser } = browserOf(asker, queue, "queue");
      const { messages, next } = await browser.messages(after, undefined, limit);
      const letters = messages
        .filter(wanted)
        .map(({ at }) => ({ lane: at.lane, keySeq: at.keySeq }));
      const { force, dryRun } = said;
      const { index, reply } = await asker.ask(
        origin,
        { kind: "redrive", queue, letters, force, dryRun },
        "redriven",
      );
      const { moved, refused, gone } = reply;
      return {
        header: asker.header(index),
        ...{ moved, refused, gone },
        next: next === undefined ? "" : formatPlace(next),
      };
    },
  };
}

function filterOf(said: SaidFilter | null): (loaded: LoadedMessage) => boolean {
  const { queue = "", key: keyText = "", cause: causeName, error = "" } = said ?? {};
  const from = queue === "" ? "" : queueName(queue, "filter.queue");
  const lane = key(bytesOf(keyText), "filter.key");
  const cause: DeadLetter["cause"] | undefined = oneOf(
    causeName,
    "filter.cause",
    "DEAD_LETTER_CAUSE_UNSPECIFIED",
    causes,
  );
  const text = bytesOf(error);
  return ({ message: { deadLetter, key: ofMessage } }) =>
    deadLetter !== undefined &&
    (from === "" || deadLetter.queue === from) &&
    (lane === "" || ofMessage === lane) &&
    (cause === undefined || deadLetter.cause === cause) &&
    deadLetter.error.includes(text);
}

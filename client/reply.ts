// The answering side of request and reply (O7): what a handler returns goes to the message's `replyTo`.
//
//   Q3. The answer and the ack are one commit: a request that is acked has its answer, one that is not has none.
//   Q4. Who does not wait any more disturbs nobody: its queue is gone, and the message is acked without an answer.

import { commit, type Transaction } from "./commit.ts";
import { bytesCodec, jsonCodec, type Codec } from "./codec.ts";
import type { Handler } from "./consumer.ts";
import { errorText, leaseOf, type Handling } from "./delivery.ts";
import { PermanentError, QueueError } from "./errors.ts";
import type { RequestParts } from "./request.ts";
import { Format } from "./schema.ts";

/** On an answer: why there is none, as text. */
export const errorHeader = "raftq-error";

interface ReplyTarget {
  readonly name: string;
  readonly options: { readonly correlationId: string };
}

/** `handler`, whose result is sent to who asked. */
export function replying<T>(
  parts: RequestParts,
  handler: Handler<T>,
  codec: true | Codec<unknown>,
): Handler<T> {
  const format = new Format<unknown>(codec === true ? jsonCodec() : codec, undefined);
  return async (handling) => {
    let answer: unknown;
    try {
      answer = await handler(handling);
    } catch (error) {
      if (error instanceof PermanentError) await refuseWith(parts, handling, error);
      throw error;
    }
    // JSON has no undefined.
    const value = answer === undefined && codec === true ? null : answer;
    await answerWith(parts, handling, (tx, target) => {
      if (leaseOf(handling).state === "held") tx.ack(handling);
      tx.enqueue({ name: target.name, format }, value, target.options);
    });
  };
}

function refuseWith(
  parts: RequestParts,
  handling: Handling<unknown>,
  error: PermanentError,
): Promise<void> {
  const headers = { [errorHeader]: errorText(error) };
  return answerWith(parts, handling, (tx, { name, options }) => {
    if (leaseOf(handling).state === "held") tx.reject(handling, error);
    tx.enqueue({ name, format: bytesCodec }, Buffer.alloc(0), { ...options, headers });
  });
}

/** @param gather looks whether the message is still held: a handler may have settled it by a commit of its own. */
async function answerWith(
  parts: RequestParts,
  { message }: Handling<unknown>,
  gather: (tx: Transaction, target: ReplyTarget) => void,
): Promise<void> {
  const { replyTo: name, correlationId } = message;
  if (name === "") return;
  try {
    await commit(parts, (tx) => gather(tx, { name, options: { correlationId } }), {});
  } catch (refused) {
    const gone = refused instanceof QueueError && refused.reason === "QUEUE_NOT_FOUND";
    if (!gone) throw refused;
  }
}

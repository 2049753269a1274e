// A program without the SDK.

import { QueueError } from "../../../client/index.ts";
import type { Failure, UnaryMethod } from "../../../client/channel.ts";
import type { SimClient } from "../clients.ts";
import { queues } from "../queues.ts";

/** Unary calls as any language makes them: no session, no second try, whatever node answers (H3). */
export async function callPlainly(program: SimClient): Promise<void> {
  const { calls, endpoints } = program.world;
  const random = program.random;
  const dial = calls.dial(program.process, program.clock);
  while (program.goesOn) {
    const { name: queue } = random.pick(queues);
    const [body, key] = [program.newBody(), program.key()];
    const channel = dial(random.pick(endpoints.length > 0 ? endpoints : program.endpoints));
    if (random.chance(0.5)) {
      // Of a node that has just been deposed, or stood still: it must not answer from its memory (D1, D2).
      const consistency = "LINEARIZABLE";
      await program.ask({ kind: "admin", what: `read ${queue}` }, () =>
        plainly(channel.unary("GetQueue", { name: queue, consistency }, 500)),
      );
      channel.close();
      await program.think();
      continue;
    }
    const request = { queue, key, content: { body: Buffer.from(JSON.stringify(body)) } };
    await program.ask(
      { kind: "enqueue", queue, key, bodies: [body] },
      () =>
        plainly(channel.unary("Enqueue" as UnaryMethod, request, random.pick([50, 500, 5_000]))),
      (operation, reply) => {
        const { header, message } = reply as {
          header: { logIndex: number };
          message: { keySeq: number };
        };
        operation.index = header.logIndex;
        operation.keySeqs = [message.keySeq];
      },
    );
    channel.close();
    await program.think();
  }
}

/** What the SDK makes of a failure, without its other tries (client/retry.ts). */
async function plainly(call: Promise<object>): Promise<object> {
  try {
    return await call;
  } catch (failure) {
    const { error, neverSent, message, code } = failure as Failure;
    const outcome = error?.outcome ?? (neverSent === true ? "NOT_APPLIED" : "UNKNOWN");
    throw new QueueError(message, {
      ...{ code, reason: "OTHER" },
      outcome: outcome === "NOT_APPLIED" ? outcome : "UNKNOWN",
    });
  }
}

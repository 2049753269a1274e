// raftq.v1.Queue, the unary calls: for other languages, for tools, for what happens rarely. One table of them all.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { Asker, type QueueServiceContext } from "./asker.ts";
import { lookingCalls } from "./looking-calls.ts";
import { managingCalls } from "./managing-calls.ts";
import { messageCalls, settleCalls } from "./message-calls.ts";
import { queueCalls } from "./queue-calls.ts";
import { redriveCalls } from "./redrive-calls.ts";
import { sessionCalls } from "./session-calls.ts";
import { subscriptionCalls, topicCalls } from "./topic-calls.ts";
import { unary } from "./unary.ts";

export function queueService(context: QueueServiceContext): UntypedServiceImplementation {
  const asker = new Asker(context);
  const calls = {
    ...queueCalls(asker),
    ...sessionCalls(asker),
    ...messageCalls(asker),
    ...settleCalls(asker),
    ...managingCalls(asker),
    ...redriveCalls(asker),
    ...lookingCalls(asker),
    ...topicCalls(asker),
    ...subscriptionCalls(asker),
  };
  return Object.fromEntries(
    // The loader decodes each request by the very .proto file that the parameter of its call describes.
    Object.entries(calls).map(([name, run]) => [
      name,
      unary(context.logger, run as (said: object) => Promise<object>),
    ]),
  );
}

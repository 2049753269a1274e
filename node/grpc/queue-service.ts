// raftq.v1.Queue, the unary calls: for other languages, for tools, for what happens rarely.

import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import { Malformed, refusalOf } from "../door.ts";
import { defect, refused, serviceError } from "./errors.ts";
import { QueueCalls, Refused, type QueueServiceContext, type Said } from "./queue-calls.ts";

type Unary = (call: ServerUnaryCall<Said, object>, done: sendUnaryData<object>) => void;

export function queueService(context: QueueServiceContext): UntypedServiceImplementation {
  const calls = new QueueCalls(context);
  const unary =
    (run: (said: Said) => Promise<object>): Unary =>
    (call, done) => {
      run(call.request).then(
        (reply) => done(null, reply),
        (error: unknown) => {
          if (error instanceof Malformed) done(serviceError(refused(refusalOf(error))));
          else if (error instanceof Refused) done(serviceError(error.error));
          else {
            context.logger.error({ err: error }, "a call failed for a reason that nobody foresaw");
            done(serviceError(defect()));
          }
        },
      );
    };
  return {
    CreateQueue: unary((said) => calls.createQueue(said)),
    GetQueue: unary((said) => calls.getQueue(said)),
    ListQueues: unary((said) => calls.listQueues(said)),
    UpdateQueue: unary((said) => calls.updateQueue(said)),
    DeleteQueue: unary((said) => calls.deleteQueue(said)),
    OpenSession: unary((said) => calls.openSession(said)),
    KeepAlive: unary((said) => calls.keepAlive(said)),
    CloseSession: unary((said) => calls.closeSession(said)),
    Enqueue: unary((said) => calls.enqueue(said)),
    EnqueueBatch: unary((said) => calls.enqueueBatch(said)),
    Receive: unary((said) => calls.receive(said)),
    Ack: unary((said) => calls.settle(said, "ack")),
    Nack: unary((said) => calls.settle(said, "nack")),
    Release: unary((said) => calls.settle(said, "release")),
    Reject: unary((said) => calls.settle(said, "reject")),
    Extend: unary((said) => calls.settle(said, "extend")),
  };
}

// raftq.v1.Queue, the unary calls: for other languages, for tools, for what happens rarely.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { QueueCalls, type QueueServiceContext, type Said } from "./queue-calls.ts";
import { unary as unaryCall } from "./unary.ts";

export function queueService(context: QueueServiceContext): UntypedServiceImplementation {
  const calls = new QueueCalls(context);
  const unary = (run: (said: Said) => Promise<object>) => unaryCall(context.logger, run);
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

// Plain FIFO: the whole queue is one sequence. An enqueue, a receive with its ack as the dequeue, and empty answers: a history that
// can be decided exactly.
//
//   O1. Enqueues come from all processes, each awaiting its answer.
//   O2. One process at a time dequeues, one message after the other: while it receives it holds nothing. So an empty answer says that
//       the queue is empty, unless somebody may still hold a lease: a receive or an ack without an answer, of this process or of one
//       that was killed, leaves the head leased until its lease or session ends.

import { every, poll } from "./pacing.ts";
import { queueNamed, type Workload } from "./workload.ts";

const name = "fifo";

export const fifo: Workload = {
  name,
  what: "one sequence for all: enqueue, dequeue, empty; decided exactly",
  queues: [queueNamed(name, { workload: name, ordering: "TOTAL", leaseMs: 2_000 })],
  share: 2,
  callsPerStep: 4,
  roles: [
    {
      name: "enqueuer",
      runsIn: "all",
      produces: true,
      run: async ({ calls, rate, ends }) => {
        const enqueue = (): Promise<unknown> =>
          calls.enqueue(name, { key: "", body: calls.newBody() });
        await every(rate, ends, enqueue, 1);
      },
    },
    {
      name: "dequeuer",
      runsIn: "one",
      produces: false,
      run: async ({ calls, rate, ends }) => {
        await poll(
          rate,
          ends,
          () => calls.receive(name, 1, 0),
          (held) => calls.settle("ack", held),
        );
      },
    },
  ],
};

// Empty receives: a queue with hardly anything in it, asked all the time. "Nothing there" is an answer about the whole queue at one
// moment, and may be wrong as any other.
//
//   E1. Each message has a key of its own: none waits behind another.

import { every } from "./pacing.ts";
import { queueNamed, type Workload } from "./workload.ts";

const name = "empty";
/** Of all steps, those that put something in. */
const fullness = 0.08;
const waitsMs = [0, 0, 50, 200] as const;

export const empty: Workload = {
  name,
  what: "receives from a queue that is mostly empty: that it is empty must be true",
  queues: [queueNamed(name, { workload: name })],
  share: 1.5,
  callsPerStep: 1.2,
  roles: [
    {
      name: "giver",
      runsIn: "all",
      produces: true,
      run: async ({ calls, rate, ends }) => {
        await every(rate * fullness, ends, () => {
          const body = calls.newBody();
          return calls.enqueue(name, { key: body, body });
        });
      },
    },
    {
      name: "asker",
      runsIn: "all",
      produces: false,
      run: async ({ calls, random, rate, ends }) => {
        const ask = async (): Promise<void> => {
          const received = await calls.receive(name, 1, random.pick(waitsMs));
          if (received.type !== "ok") return;
          await Promise.all(received.value.map((held) => calls.settle("ack", held)));
        };
        await every(rate, ends, ask, 2);
      },
    },
  ],
};

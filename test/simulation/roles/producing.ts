// Programs that enqueue, one by one or in batches.

import type { SimClient } from "../clients.ts";
import { queues } from "../queues.ts";

export async function produce(program: SimClient): Promise<void> {
  const random = program.random;
  while (program.goesOn) {
    const queue = random.pick(queues).name;
    const calls = Array.from({ length: random.chance(0.2) ? random.int(2, 12) : 1 }, () =>
      program.enqueue(queue, program.key()),
    );
    await Promise.all(calls);
    await program.think();
  }
}

export async function produceBatches(program: SimClient): Promise<void> {
  while (program.goesOn) {
    await program.enqueueBatch(program.random.pick(queues).name);
    await program.think();
  }
}

// Programs that take messages, by handlers or by receiving, and settle them in every way.

import { PermanentError, QueueError, type Delivery, type Settled } from "../../../client/index.ts";
import type { SimClient } from "../clients.ts";
import { queues } from "../queues.ts";

/** A consumer for each queue, for a while; then others. */
export async function consume(program: SimClient): Promise<void> {
  const random = program.random;
  while (program.goesOn) {
    const consumers = queues.map(({ name, leaseMs }) => {
      const consumer = program.up.queue<string>(name).consume(
        async (handling) => {
          const { message, fencingToken } = handling;
          program.delivered(name, message, fencingToken);
          program.world.operationsLeft -= 1;
          const dice = random.next();
          // Now and then longer than the lease, although it is renewed.
          await program.pause(dice < 0.02 ? 2 * leaseMs : program.world.thinkMs * random.next());
          if (dice > 0.97) throw new PermanentError("never");
          if (dice > 0.9) throw new Error("not now");
        },
        { concurrency: random.int(1, 8), credit: random.int(1, 16) },
      );
      consumer.done.catch((error: unknown) => {
        if (!(error instanceof QueueError)) program.world.clientFailed(program, error);
      });
      return consumer;
    });
    await program.pause(random.between(500, 8_000));
    program.draining += 1;
    const ends = consumers.map((consumer) =>
      random.chance(0.3) ? consumer.close() : consumer.drain(),
    );
    await Promise.allSettled(ends);
    program.draining -= 1;
  }
}

export async function receive(program: SimClient): Promise<void> {
  const random = program.random;
  while (program.goesOn) {
    const { name } = random.pick(queues);
    const deliveries = await program.ask({ kind: "receive", queue: name }, () =>
      program.up.queue<string>(name).receiveBatch({
        maxMessages: random.int(1, 8),
        maxWaitMs: random.pick([0, 0, 200, 2_000]),
        ...(random.chance(0.5) ? { leaseMs: random.int(200, 3_000) } : {}),
      }),
    );
    for (const delivery of deliveries ?? []) {
      program.delivered(name, delivery.message, delivery.fencingToken);
      if (random.chance(0.05)) continue;
      if (random.chance(0.3)) await program.think();
      const settled = settle(program, name, delivery);
      if (random.chance(0.5)) await settled;
    }
    await program.think();
  }
}

async function settle(
  program: SimClient,
  queue: string,
  delivery: Delivery<string>,
): Promise<void> {
  const random = program.random;
  const { message, fencingToken: token } = delivery;
  const { key, keySeq } = message;
  const ask = (
    kind: "ack" | "nack" | "release" | "reject" | "extend",
    run: () => Promise<Settled>,
  ): Promise<unknown> =>
    program.ask({ kind, queue, key, keySeq, token }, run, (operation, { logIndex }) => {
      operation.index = logIndex;
    });
  const dice = random.next();
  if (dice < 0.1) await ask("extend", () => delivery.extend(random.int(200, 3_000)));
  if (dice < 0.75) await ask("ack", () => delivery.ack());
  else if (dice < 0.85) {
    const delayMs = random.pick([undefined, 0, 100, 1_000]);
    await ask("nack", () => delivery.nack({ delayMs, error: "no" }));
  } else if (dice < 0.93) await ask("release", () => delivery.release());
  else if (dice < 0.96) await ask("reject", () => delivery.reject("never"));
  else {
    // Twice: the second one must be told that it is too late, or that it was this very lease.
    await Promise.all([ask("ack", () => delivery.ack()), ask("ack", () => delivery.ack())]);
  }
}

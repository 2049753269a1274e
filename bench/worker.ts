// A client process of a measurement: a producer or a consumer, forked by worker-process.ts, in a process of its own as a
// user's would be.

import { bytesCodec, connect, type Client, type Queue } from "../client/index.ts";
import { Consumption } from "./consumption.ts";
import { Production } from "./production.ts";
import type { AnswerOf, CommandName, OrderOf, Request, Response } from "./protocol.ts";

let clients: readonly Client[] = [];
let production: Production | undefined;
let consumption: Consumption | undefined;

const commands: {
  readonly [K in CommandName]: (order: OrderOf<K>) => Promise<AnswerOf<K>> | AnswerOf<K>;
} = {
  async connect({ endpoints, clients: count }) {
    const options = { endpoints: [...endpoints], name: "bench", maxOutstanding: 20_000 };
    clients = await Promise.all(Array.from({ length: count }, () => connect(options)));
    return null;
  },
  produce(order) {
    production = new Production(queuesOf(order.queues), order);
    return production.done;
  },
  stopProducing() {
    producing().stop();
    return null;
  },
  producedSlice: () => producing().slice(),
  recovery: ({ sinceMs }) => producing().recovery(sinceMs),
  consume(order) {
    consumption = new Consumption(queuesOf(order.queues), order);
    return null;
  },
  consumedSlice: () => consuming().slice(),
  counts: () => consuming().counts(),
  async close() {
    await consumption?.end();
    await Promise.all(clients.map((client) => client.close()));
    return null;
  },
};

function queuesOf(names: readonly string[]): readonly Queue<Uint8Array>[] {
  return names.map((name, index) => {
    const client = clients[index % clients.length];
    if (client === undefined) throw new Error("connect first");
    return client.queue(name, { codec: bytesCodec });
  });
}

function producing(): Production {
  if (production === undefined) throw new Error("produce first");
  return production;
}

function consuming(): Consumption {
  if (consumption === undefined) throw new Error("consume first");
  return consumption;
}

async function answer(request: Request): Promise<void> {
  let response: Response;
  try {
    const command = commands[request.name] as (order: unknown) => unknown;
    response = { id: request.id, answer: await command(request.order) };
  } catch (error) {
    response = {
      id: request.id,
      error: error instanceof Error ? String(error.stack) : String(error),
    };
  }
  process.send?.(response);
}

process.on("message", (message) => {
  void answer(message as Request);
});
// The parent is gone: nobody wants the figures any more.
process.on("disconnect", () => process.exit(0));

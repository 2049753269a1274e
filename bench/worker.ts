// A client process of a measurement: a producer or a consumer, forked by worker-process.ts, in a process of its own as a
// user's would be.

import { bytesCodec, connect, type Client } from "../client/index.ts";
import { Consumption } from "./consumption.ts";
import { produce } from "./production.ts";
import type { AnswerOf, CommandName, OrderOf, Request, Response } from "./protocol.ts";

let client: Client | undefined;
let consumption: Consumption | undefined;

const commands: {
  readonly [K in CommandName]: (order: OrderOf<K>) => Promise<AnswerOf<K>> | AnswerOf<K>;
} = {
  async connect({ endpoints, outstanding }) {
    client = await connect({
      endpoints: [...endpoints],
      name: "bench",
      // The window is the measurement's: the client's own must not be the narrower one.
      maxOutstanding: Math.max(outstanding, 2_000),
    });
    return null;
  },
  produce(order) {
    return produce(connected().queue(order.queue, { codec: bytesCodec }), order);
  },
  consume({ queue, credit }) {
    consumption = new Consumption(connected().queue(queue, { codec: bytesCodec }), credit);
    return null;
  },
  window({ fromMs, toMs }) {
    consuming().count(fromMs, toMs);
    return null;
  },
  counts() {
    return consuming().counts();
  },
  consumed() {
    return consuming().result();
  },
  async close() {
    await consumption?.end();
    await client?.close();
    return null;
  },
};

function connected(): Client {
  if (client === undefined) throw new Error("connect first");
  return client;
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

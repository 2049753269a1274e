import { producedFigures, type Item } from "../item.ts";

/** How long one enqueue takes when nothing else goes on: each waits for the one before it. */
export const closed: Item = {
  name: "closed",
  title: "enqueue, one at a time",
  async run(bench) {
    const producer = await bench.worker(1);
    const produced = await producer.call("produce", {
      queue: bench.queue,
      bytes: bench.options.bytes,
      keys: bench.options.keys,
      outstanding: 1,
      warmMs: 800,
      windowMs: bench.windowMs(4),
      rate: 0,
      count: 0,
    });
    return producedFigures(produced);
  },
};

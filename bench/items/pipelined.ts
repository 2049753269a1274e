import { cpuPer100k, producedFigures, type Item } from "../item.ts";

/** How many enqueues a second one producer gets confirmed with 1,000 on their way. */
export const pipelined: Item = {
  name: "pipelined",
  title: "enqueue, 1,000 outstanding",
  async run(bench) {
    const outstanding = 1_000;
    const producer = await bench.worker(outstanding);
    const before = bench.serverCpuSeconds();
    const produced = await producer.call("produce", {
      queue: bench.queue,
      bytes: bench.options.bytes,
      keys: bench.options.keys,
      outstanding,
      warmMs: 1_500,
      windowMs: bench.windowMs(5),
      rate: 0,
      count: 0,
    });
    return {
      ...producedFigures(produced),
      cpu_s_per_100k: cpuPer100k(before, bench.serverCpuSeconds(), produced.confirmed),
      ...bench.residentMiB(),
    };
  },
};

// Loaded into every server of a benchmark (`node --require`): at each SIGUSR2 it writes down how late the event loop was since the
// signal before. CommonJS and without an import, because libuv's pool must not be used before cli/raftq.cts has said how large
// it is. Nothing of it is part of a server that nobody measures.

const { monitorEventLoopDelay } = process.getBuiltinModule("node:perf_hooks");
const { renameSync, writeFileSync } = process.getBuiltinModule("node:fs");

const directory = process.env["RAFTQ_BENCH_LOOP_DELAYS"];
/** A timer's period: what it comes later than that is delay. */
const periodMs = 10;

if (directory !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: periodMs });
  delays.enable();
  process.on("SIGUSR2", () => {
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - periodMs);
    const samples = delays.count;
    const said = {
      samples,
      p50: samples === 0 ? 0 : late(delays.percentile(50)),
      p99: samples === 0 ? 0 : late(delays.percentile(99)),
      max: samples === 0 ? 0 : late(delays.max),
    };
    delays.reset();
    const file = `${directory}/${process.pid}.json`;
    // Whole or not at all: somebody is waiting for it.
    writeFileSync(`${file}.new`, JSON.stringify(said));
    renameSync(`${file}.new`, file);
  });
}

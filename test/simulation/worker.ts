// A process that runs the seeds it is told, one after the other (main.ts).

import { runSeed, type SeedResult } from "./run-seed.ts";

export interface Order {
  readonly seed: number;
  readonly nodes: number | undefined;
}

export interface Done {
  readonly result: SeedResult;
  readonly tookMs: number;
}

process.on("message", ({ seed, nodes }: Order) => {
  const began = performance.now();
  void runSeed(seed, { nodes }).then((result) => {
    const done: Done = { result, tookMs: performance.now() - began };
    process.send?.(done);
  });
});
process.on("disconnect", () => process.exit(0));

// A fault brings back what it has ended, whatever another one does to the same node meanwhile.

import { expect, test } from "vitest";
import type { Cluster, Death } from "../../../jepsen-like/cluster/contract.ts";
import { startAll } from "../../../jepsen-like/cluster/start-all.ts";

/** One node. `starts`: what becomes of each start; "told": it is ended from outside while it starts. */
function clusterWith(
  starts: ("up" | "told" | "dies")[],
): Pick<Cluster, "deaths" | "isRunning" | "start"> {
  const deaths: Death[] = [];
  let running = false;
  return {
    deaths,
    isRunning: () => running,
    start: (nodeId) => {
      if (running) throw new Error(`node ${nodeId} is running`);
      const what = starts.shift();
      running = what === "up";
      if (what === "dies") deaths.push({ nodeId, time: 0, code: 70, signal: null, lastLines: [] });
      return Promise.resolve(running);
    },
  };
}

const startOne = (starts: ("up" | "told" | "dies")[]): Promise<number[]> =>
  startAll(clusterWith(starts) as Cluster, [1]);

test("what is down is started", async () => {
  expect(await startOne(["up"])).toEqual([]);
});

test("a node that somebody else ends while it starts is started again", async () => {
  expect(await startOne(["told", "told", "up"])).toEqual([]);
});

test("a node that ends by itself is told, and not tried again", async () => {
  expect(await startOne(["told", "dies", "up"])).toEqual([1]);
});

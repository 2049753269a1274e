// The schedule on a cluster that is only said to be one: what it does when things go wrong.

import { describe, expect, test } from "vitest";
import type { Cluster, View } from "../../../jepsen-like/cluster/contract.ts";
import { Broken, NotNow } from "../../../jepsen-like/nemesis/effect.ts";
import type { Fault, Injected, Ongoing, Scene } from "../../../jepsen-like/nemesis/fault.ts";
import { randomFrom } from "../../../jepsen-like/nemesis/random.ts";
import { Schedule } from "../../../jepsen-like/nemesis/schedule.ts";
import type { Network } from "../../../jepsen-like/net/contract.ts";

interface World {
  leader: number | undefined;
  down: readonly number[];
  healed: number;
  readonly began: string[];
  readonly ended: string[];
}

function worldOf(over: Partial<World> = {}): World {
  return { leader: 1, down: [], healed: 0, began: [], ended: [], ...over };
}

function sceneOf(world: World): Scene {
  const nothing = (): Promise<void> => Promise.resolve();
  const cluster: Cluster = {
    nodeIds: [1, 2, 3],
    endpoints: [],
    deaths: [],
    isRunning: (id) => !world.down.includes(id),
    pid: () => process.pid,
    dataDirectory: () => "",
    logFile: () => "",
    start: () => Promise.resolve(true),
    kill: nothing,
    stop: nothing,
    pause: () => undefined,
    resume: () => undefined,
    setLauncher: () => undefined,
    observe: () => Promise.resolve<View | undefined>(undefined),
    leader: () => Promise.resolve(world.leader),
    add: () => Promise.resolve(4),
    remove: nothing,
    transferLeadership: nothing,
    close: nothing,
  };
  const network: Network = {
    kind: "proxies",
    peerAddress: () => "",
    clientAddress: () => "",
    listens: () => ({ client: "", peer: "" }),
    set: () => undefined,
    heal: () => void (world.healed += 1),
    disturbed: 0,
    carried: () => 0,
    close: nothing,
  };
  const random = randomFrom(1);
  return { cluster, network, random, electionMs: 10, directory: "", say: () => undefined };
}

function faultOf(
  world: World,
  name: string,
  over: { begin?: () => void; end?: () => string | undefined; kind?: Fault["kind"]; ms?: number },
): Fault {
  return {
    name,
    what: `${name}, as a test needs it`,
    kind: over.kind ?? "process",
    begin: (): Promise<Ongoing> => {
      over.begin?.();
      world.began.push(name);
      return Promise.resolve({
        what: name,
        targets: [2],
        ms: over.ms ?? 0,
        end: () => {
          world.ended.push(name);
          return Promise.resolve().then(() => over.end?.());
        },
      });
    },
  };
}

/** Until so many were injected. */
async function runFor(
  count: number,
  faults: readonly Fault[],
  world: World,
): Promise<Awaited<ReturnType<Schedule["run"]>>> {
  const stop = new AbortController();
  const seen: Injected[] = [];
  const schedule = new Schedule(faults, sceneOf(world), {
    injected: (one) => {
      seen.push(one);
      if (seen.length >= count) stop.abort();
    },
  });
  return await schedule.run(stop.signal);
}

describe("the schedule", () => {
  test("S1: a fault that goes on when the run is stopped is ended at once", async () => {
    const world = worldOf();
    const stop = new AbortController();
    const forever = faultOf(world, "forever", { ms: 3_600_000, end: () => "seen" });
    const schedule = new Schedule([forever], sceneOf(world), { began: () => stop.abort() });
    const { injected, failures } = await schedule.run(stop.signal);
    expect(world.ended).toEqual(world.began);
    expect(injected.map(({ observed }) => observed)).toEqual(["seen"]);
    expect(failures).toEqual([]);
  });

  test("what was not observed is told as such", async () => {
    const world = worldOf();
    const { injected } = await runFor(1, [faultOf(world, "quiet", {})], world);
    expect(injected[0]).not.toHaveProperty("observed");
    expect(injected[0]?.to).toBeGreaterThanOrEqual(injected[0]?.from ?? Infinity);
  });

  test("S2: a cluster that has no leader after a fault fails the run", async () => {
    const world = worldOf({ leader: undefined });
    const { failures } = await runFor(9, [faultOf(world, "deadly", {})], world);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/no leader 60 s after everything was healed/);
    expect(world.began).toHaveLength(1);
  });

  test("S2: a node that is down after a fault fails the run", async () => {
    const world = worldOf({ down: [3] });
    const { failures } = await runFor(9, [faultOf(world, "deadly", {})], world);
    expect(failures).toEqual(["nodes 3 ended by themselves"]);
  });

  test("S3: what cannot be had now passes", async () => {
    const world = worldOf();
    let asked = 0;
    const shy = faultOf(world, "shy", {
      begin: () => {
        asked += 1;
        if (asked === 1) throw new NotNow("there is no leader");
      },
    });
    const { failures, passed } = await runFor(1, [shy], world);
    expect(failures).toEqual([]);
    expect(passed).toEqual(["shy: there is no leader"]);
    expect(world.began).toEqual(["shy"]);
  });

  test.each(["begin", "end"] as const)("S3: what breaks in its %s fails the run", async (where) => {
    const world = worldOf();
    const broken = (): never => {
      throw new Broken("node 2 did not come back");
    };
    const { failures } = await runFor(9, [faultOf(world, "bad", { [where]: broken })], world);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^bad \(.*\): node 2 did not come back$/);
  });
});

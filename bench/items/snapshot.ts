import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { nowMs } from "../body.ts";
import { halfLoad } from "../half-load.ts";
import type { Item, Measured } from "../item.ts";
import { figuresOf, histogramsOf, Load, measureLoad } from "../load.ts";
import { preload } from "../preload.ts";

const mebibyte = 2 ** 20;
const sendMsMax = 120_000;

/** What snapshots cost those who work meanwhile: at half load, and saturated. */
export const snapshot: Item = {
  name: "snapshot",
  title: "a snapshot under load",
  about:
    "half and full load with --preload messages waiting: no snapshot, one taken, one sent to a wiped node",
  async run(bench) {
    const rate = await halfLoad(bench);
    const often = oftenFlags(bench);
    const all: Measured[] = [];
    for (const [label, flags, look] of [
      ["none", [], inWindow],
      ["taken", often, inWindow],
      ["sent", often, whileSent],
    ] as const) {
      await bench.start({ serverFlags: flags });
      await preload(bench, await bench.queue(), bench.options.preload);
      await bench.endWorkers();
      const half = await look(bench, rate);
      const full = await look(bench, 0);
      const figures = {
        rate_asked: rate,
        ...half.figures,
        acked_per_s_saturated: full.figures["acked_per_s"],
        enqueued_per_s_saturated: full.figures["enqueued_per_s"],
      };
      all.push({ ...half, label, figures });
    }
    return all;
  },
};

/**
 * A node makes its state durable, and forgets its log, each time that so much has gathered: not the 256 MiB of a node that is let
 * alone, but something that a window sees, and less than what waits, so that a new node needs more than the log.
 */
function oftenFlags({ options: { preload: count, bytes } }: Bench): readonly string[] {
  const retain = Math.max(mebibyte, Math.min(32 * mebibyte, Math.floor((count * bytes) / 2)));
  const segment = Math.max(65_536, Math.floor(retain / 4));
  return ["--log-retain-bytes", `${retain}`, "--segment-bytes", `${segment}`];
}

async function inWindow(bench: Bench, rate: number): Promise<Measured> {
  const compactions = counter(bench, '"log compacted"');
  const measured = await measureLoad(
    bench,
    { queues: [await bench.queue()], rate },
    { windowMs: bench.windowMs(6) },
  );
  return { ...measured, figures: { ...measured.figures, snapshots: compactions.end() } };
}

/** One follower loses its disk; a new node takes its place, and gets the state from the leader while the load goes on. */
async function whileSent(bench: Bench, rate: number): Promise<Measured> {
  const { cluster } = bench;
  const { nodeId: leader } = await cluster.leader();
  const lost = cluster.nodeIds.find((nodeId) => nodeId !== leader);
  if (lost === undefined) throw new Error("there is no follower: give it more --nodes");
  await cluster.wipe(lost);
  const load = await Load.start(bench, { queues: [await bench.queue()], rate });
  await sleep(2_500);
  const installed = counter(bench, '"snapshot: installed"');
  const sending = seen(bench, '"snapshot: sending"');
  const adding = cluster.add({ timeoutMs: sendMsMax });
  await Promise.race([sending, adding]);
  await Promise.all([load.slice(), bench.loopDelay()]);
  const startMs = nowMs();
  while (installed.count === 0 && nowMs() - startMs < sendMsMax) {
    if ((await Promise.race([adding, sleep(20)])) !== undefined) break;
  }
  const ms = nowMs() - startMs;
  const [slice, loopDelay] = await Promise.all([load.slice(), bench.loopDelay()]);
  const snapshots = installed.end();
  if (snapshots === 0) throw new Error("the log was enough for the new node: --preload more");
  await adding;
  const produced = await load.stop();
  await cluster.remove(lost);
  await bench.endWorkers();
  return {
    label: "",
    figures: {
      ...figuresOf(slice),
      errors: produced.errors,
      ...loopDelay,
      snapshots,
      transfer_s: ms / 1_000,
    },
    histograms: histogramsOf(slice),
  };
}

interface Counter {
  readonly count: number;
  end(): number;
}

/** Of the lines that servers log and that say this. */
function counter(bench: Bench, text: string): Counter {
  let count = 0;
  const end = bench.onLine((_, line) => {
    if (line.includes(text)) count++;
  });
  return {
    get count() {
      return count;
    },
    end() {
      end();
      return count;
    },
  };
}

function seen(bench: Bench, text: string): Promise<void> {
  return new Promise((resolve) => {
    const end = bench.onLine((_, line) => {
      if (!line.includes(text)) return;
      end();
      resolve();
    });
  });
}

import { bytesCodec } from "../../client/index.ts";
import { makeBody } from "../body.ts";
import type { Bench, Figures, Item } from "../item.ts";
import { measureEndToEnd } from "./end-to-end.ts";

const liveKeys = 10_000;
const behind = 100_000;
const perBatch = 500;
const rounds = 3;

/** What a key that is parked, with very many messages behind it, costs the others (P4). */
export const isolation: Item = {
  name: "isolation",
  title: "end to end beside a parked key",
  async run(bench) {
    const blocked = await queueWithParkedKey(bench);
    // In turn, so that a machine that drifts does so for both.
    const without: Figures[] = [];
    const beside: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [queue, figures] of [
        [bench.queue, without],
        [blocked, beside],
      ] as const) {
        const windowMs = bench.windowMs(4);
        figures.push(await measureEndToEnd(bench, { queue, keys: liveKeys, windowMs }));
      }
    }
    const { parkedKeys, ready } = await bench.client.getQueue(blocked);
    if (parkedKeys !== 1 || ready < behind) throw new Error("the parked key has been touched");
    const [alone, crowded] = [median(without), median(beside)];
    return {
      acked_per_s: alone,
      acked_per_s_beside_parked: crowded,
      ratio: crowded / alone,
      waiting_behind_parked: ready,
    };
  },
};

/** A queue in which the key `parked` waits for a decision, with `behind` messages behind its head. */
async function queueWithParkedKey(bench: Bench): Promise<string> {
  const name = await bench.addQueue(`${bench.queue}-parked`);
  const queue = bench.client.queue(name, { codec: bytesCodec });
  const body = makeBody(bench.options.bytes, 0);
  for (let sent = 0; sent <= behind; sent += perBatch) {
    const size = Math.min(perBatch, behind + 1 - sent);
    const batch = Array.from({ length: size }, () => ({ value: body, key: "parked" }));
    await queue.enqueueBatch(batch);
  }
  const [head] = await queue.receiveBatch({ maxMessages: 1 });
  if (head === undefined) throw new Error("there is no message to park");
  await head.reject("parked by the benchmark");
  return name;
}

function median(figures: readonly Figures[]): number {
  const rates = figures.map(({ acked_per_s: rate }) => rate ?? 0).sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)] ?? 0;
}

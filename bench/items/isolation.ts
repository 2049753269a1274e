import { bytesCodec } from "../../client/index.ts";
import type { Bench } from "../bench.ts";
import { makeBody } from "../body.ts";
import type { Figures, Item } from "../item.ts";
import { measureLoad } from "../load.ts";
import { median } from "../statistics.ts";

const liveKeys = 10_000;
const behind = 100_000;
const perBatch = 500;
const rounds = 3;

/** What a key that is parked, with very many messages behind it, costs the others (P4). */
export const isolation: Item = {
  name: "isolation",
  title: "end to end beside a parked key",
  about: "10,000 keys end to end, without and with a parked key before 100,000 messages, in turn",
  async run(bench) {
    const free = await bench.queue();
    const blocked = await queueWithParkedKey(bench);
    // In turn, so that a machine that drifts does so for both.
    const without: Figures[] = [];
    const beside: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [queue, figures] of [
        [free, without],
        [blocked, beside],
      ] as const) {
        const order = { queues: [queue], keys: liveKeys };
        figures.push((await measureLoad(bench, order, { windowMs: bench.windowMs(4) })).figures);
      }
    }
    const { parkedKeys, ready } = await bench.client.getQueue(blocked);
    if (parkedKeys !== 1 || ready < behind) throw new Error("the parked key has been touched");
    const [alone, crowded] = [rate(without), rate(beside)];
    const figures = {
      acked_per_s: alone,
      acked_per_s_beside_parked: crowded,
      ratio: crowded / alone,
      waiting_behind_parked: ready,
    };
    return [{ label: "", figures }];
  },
};

/** A queue in which the key `parked` waits for a decision, with `behind` messages behind its head. */
async function queueWithParkedKey(bench: Bench): Promise<string> {
  const name = await bench.queue();
  const queue = bench.client.queue(name, { codec: bytesCodec });
  const body = makeBody(bench.options.bytes, 0, 0);
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

function rate(figures: readonly Figures[]): number {
  return median(figures.map(({ acked_per_s: acked }) => acked ?? 0));
}

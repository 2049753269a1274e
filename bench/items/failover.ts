import type { Item } from "../item.ts";
import { strikes } from "../strikes.ts";

/** The death of a leader: its process is gone at once, and its connections are closed by its kernel. */
export const failover: Item = {
  name: "failover",
  title: "kill -9 of the leader at 500/s",
  about:
    "until the next confirmed message first sent after it, --failovers times; nothing lost, doubled, redelivered",
  async run(bench) {
    return [
      await strikes(bench, {
        times: bench.options.failovers,
        hit: ({ cluster }, leader) => cluster.kill(leader),
        mend: async ({ cluster }, leader) => {
          await cluster.restart(leader);
          await cluster.caughtUp(leader);
        },
      }),
    ];
  },
};

import type { Item } from "../item.ts";
import { strikes } from "../strikes.ts";

/** A leader that stands still (SIGSTOP): its connections stay open, only its silence tells. */
export const hang: Item = {
  name: "hang",
  title: "SIGSTOP of the leader at 500/s",
  about: "the same with a leader that hangs, a quarter as often",
  async run(bench) {
    return [
      await strikes(bench, {
        times: Math.ceil(bench.options.failovers / 4),
        hit: ({ cluster }, leader) => {
          cluster.freeze(leader);
          return Promise.resolve();
        },
        mend: async ({ cluster }, leader) => {
          cluster.thaw(leader);
          await cluster.caughtUp(leader);
        },
      }),
    ];
  },
};

// The connections between clients and nodes: what gRPC would carry, in bytes, with its flow control, over a network that may be
// cut. Order is kept, nothing is lost in the middle: a cut holds everything back, and after too long a silence both ends
// give the connection up.
//   Q1. The end of the node's process reaches its clients at once, unless the network is cut; the loss of power does not.
//   Q2. What a service writes beyond the window waits, and its callback with it; a client that writes more than the node
//       takes is told to wait (R11).
//   Q3. A unary call is answered at most once (R10).

import type { Dial } from "../../client/channel.ts";
import type { SimClock } from "../clock.ts";
import type { Process } from "../time.ts";
import type { Call } from "./call.ts";
import type { CallWorld } from "./call-world.ts";
import { dialIn } from "./channel.ts";

/** Silence after which a client gives a connection up (client/channel.ts: 10 s and 3 s). */
const keepAliveMs = 13_000;

/** All calls of the world, for those events that end many of them. */
export class Calls {
  readonly #world: CallWorld;
  #open = new Set<Call>();
  #sweepAt = 64;

  constructor(world: CallWorld) {
    this.#world = world;
  }

  dial(client: Process, clock: SimClock): Dial {
    return dialIn(this.#world, this, client, clock);
  }

  opened(call: Call): void {
    this.#open.add(call);
    if (this.#open.size < this.#sweepAt) return;
    for (const each of this.#open) if (each.isOver) this.#open.delete(each);
    this.#sweepAt = 64 + 2 * this.#open.size;
  }

  #each(of: (call: Call) => boolean, run: (call: Call) => void): void {
    for (const call of [...this.#open]) if (!call.isOver && of(call)) run(call);
  }

  serverEnded(process: Process, life: number, isDark: boolean): void {
    const { time } = this.#world;
    const of = (call: Call): boolean =>
      call.serverName === process.name && call.serverLife === life;
    if (!isDark) this.#each(of, (call) => call.serverEnded());
    else time.after(keepAliveMs, undefined, () => this.#each(of, (call) => call.broken()));
  }

  clientEnded(process: Process, life: number): void {
    this.#each(
      (call) => call.clientName === process.name && call.clientLife === life,
      (call) => {
        call.isOver = true;
        call.clientEnded();
      },
    );
  }

  /** As a middlebox that forgets, or a reset. */
  break(client: string, server: string): void {
    this.#each(
      (call) => call.clientName === client && call.serverName === server,
      (call) => call.broken(),
    );
  }

  /** A cut was made: whoever hears nothing for too long gives up. */
  cut(client: string, server: string): void {
    const { time, network } = this.#world;
    const number = network.cutNumber(client, server) ?? network.cutNumber(server, client);
    time.after(keepAliveMs, undefined, () => {
      const still = network.cutNumber(client, server) ?? network.cutNumber(server, client);
      if (still !== undefined && still === number) this.break(client, server);
    });
  }
}

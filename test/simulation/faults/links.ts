// Connections that are bad, one of them or all.

import type { Weather } from "../../../testing/network.ts";
import type { FaultKit } from "./kit.ts";

function pair(kit: FaultKit): [string, string] {
  const names = kit.random.shuffled([
    ...kit.machines.map(({ name }) => name),
    ...kit.world.clients.map(({ name }) => name),
  ]);
  return [kit.target.name, names.find((name) => name !== kit.target.name) ?? "nobody"];
}

export function flap(kit: FaultKit): void {
  const { network, trace, time } = kit.world;
  const [from, to] = pair(kit);
  trace.fault("flap", from, to);
  let left = kit.random.int(4, 20);
  const turn = (): void => {
    if (network.isCut(from, to)) network.mend(from, to);
    else if (left > 0 && !kit.isOver) network.cut(from, to);
    else return;
    left -= 1;
    time.after(kit.random.between(50, 200), undefined, turn);
  };
  turn();
}

export function clog(kit: FaultKit): void {
  const { network, trace, counters } = kit.world;
  const [from, to] = pair(kit);
  trace.fault("clog", from, to);
  counters.clogs += 1;
  network.clog(from, to);
  kit.later(kit.whileMs, () => network.unclog(from, to));
}

export function slow(kit: FaultKit): void {
  const { network, trace } = kit.world;
  const [from, to] = pair(kit);
  const ms = kit.random.pick([20, 100, 500]);
  trace.fault("slow", from, to, ms);
  network.slow(from, to, ms);
  kit.later(kit.whileMs * 2, () => network.slow(from, to, 0));
}

export function breakConnection(kit: FaultKit): void {
  const { trace, counters, calls } = kit.world;
  const [from, to] = pair(kit);
  trace.fault("break", from, to);
  counters.brokenConnections += 1;
  calls.break(to, from);
  kit.world.link(from, to)?.break(0);
  if (kit.random.chance(0.5)) kit.world.link(to, from)?.break(0);
}

export function weather(kit: FaultKit): void {
  const { network, trace } = kit.world;
  const random = kit.random;
  const storm: Weather = {
    delayMs: random.pick([1, 10, 100]),
    jitterMs: random.pick([1, 10, 100]),
    loss: random.pick([0, 0.05, 0.3]),
    duplication: random.pick([0, 0.1, 0.5]),
    reordering: random.pick([0, 0.1, 0.5]),
  };
  trace.fault("weather", JSON.stringify(storm));
  network.weather = storm;
  kit.later(kit.whileMs * 2, () => (network.weather = kit.calmWeather));
}

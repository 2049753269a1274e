// Disks that fail, are full, or slow.

import type { FaultKit } from "./kit.ts";

export function ioError(kit: FaultKit): void {
  const machine = kit.target;
  if (machine.state === "down") return;
  const isStore = kit.random.chance(0.3);
  kit.said("io-error", machine, isStore ? "store" : "disk");
  if (isStore) machine.failStore = true;
  else machine.failNext = true;
}

export function full(kit: FaultKit): void {
  const machine = kit.target;
  kit.said("full", machine);
  kit.world.counters.diskFull += 1;
  machine.roomBytes = kit.random.int(0, 4_096);
  kit.later(kit.whileMs * 3, () => (machine.roomBytes = Infinity));
}

export function stall(kit: FaultKit): void {
  const machine = kit.target;
  const ms = kit.random.chance(0.2) ? 5_000 : kit.random.between(50, 4 * kit.world.electionMs);
  kit.said("stall", machine, Math.round(ms));
  kit.world.counters.diskStalls += 1;
  machine.stalledUntil = kit.world.time.now + ms;
}

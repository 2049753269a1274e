// Processes, of nodes and of clients, that end or stand still, and clocks that jump.

import type { FaultKit, Machine } from "./kit.ts";

export function killSome(kit: FaultKit): void {
  for (const machine of kit.targets) kill(kit, machine);
}

export function losePower(kit: FaultKit): void {
  for (const machine of kit.targets) {
    if (machine.state === "down") continue;
    kit.said("power", machine);
    machine.losePower();
  }
}

export function stop(kit: FaultKit): void {
  kit.said("stop", kit.target).stop();
}

export function pauseSome(kit: FaultKit): void {
  for (const machine of kit.targets) pause(kit, machine);
}

export function kill(kit: FaultKit, machine: Machine): void {
  if (machine.state === "down") return;
  kit.said("kill", machine).kill();
  // A process manager starts it again at once.
  if (kit.random.chance(0.3)) machine.start();
}

export function pause(kit: FaultKit, machine: Machine): void {
  const { time, counters } = kit.world;
  if (machine.state === "down" || machine.process.paused) return;
  const ms = kit.whileMs;
  const { life } = machine.process;
  kit.said("pause", machine, Math.round(ms));
  counters.pauses += 1;
  time.pause(machine.process);
  kit.later(ms, () => {
    if (machine.process.life === life && machine.process.paused) {
      kit.world.trace.event("resume", machine.id);
      time.resume(machine.process);
    }
  });
}

export function clock(kit: FaultKit): void {
  const machine = kit.target;
  const ms = Math.round(kit.random.between(-3_600_000, 3_600_000));
  kit.said("clock", machine, ms);
  kit.world.counters.clockJumps += 1;
  machine.clock.wallSkewMs += ms;
}

export function pauseClient(kit: FaultKit): void {
  const { clients, time, trace, counters } = kit.world;
  const client = kit.random.pick(clients);
  if (client.process.paused) return;
  const ms = kit.random.between(100, 6_000);
  trace.fault("pause", client.name, Math.round(ms));
  counters.pauses += 1;
  time.pause(client.process);
  kit.later(ms, () => time.resume(client.process));
}

export function killClient(kit: FaultKit): void {
  const { clients, trace, counters } = kit.world;
  const client = kit.random.pick(clients);
  trace.fault("client-death", client.name);
  counters.clientDeaths += 1;
  client.kill();
  kit.world.replaceClient(client);
}

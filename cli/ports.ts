// The ports of a cluster on this machine: client ports 10 apart, each peer port one above its client port.

import { createServer } from "node:net";

export const host = "127.0.0.1";
const portSlots = 180;
/** Processes that start together (parallel test files) have neighbouring ids: none looks where another one does. */
let nextSlot = process.pid;

function clientPorts(base: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => base + 10 * index);
}

/** @throws when one of a cluster's ports is taken, saying which and what to do. */
export async function checkPorts(base: number, count: number): Promise<number[]> {
  const ports = clientPorts(base, count);
  for (const port of ports.flatMap((client) => [client, client + 1])) {
    if (!(await isFree(port))) {
      throw new Error(
        `port ${port} is in use: stop what listens there (another \`raftq dev\`?) or choose other ports with --base-port`,
      );
    }
  }
  return ports;
}

/**
 * Below the range from which systems give ports to outgoing connections: a port from there could be taken while its node
 * is down, and the node could not come back (K2).
 */
export async function freePorts(count: number): Promise<number[]> {
  for (let attempt = 0; attempt < portSlots; attempt++) {
    const ports = clientPorts(12_000 + 100 * (nextSlot++ % portSlots), count);
    const free = await Promise.all(ports.flatMap((port) => [isFree(port), isFree(port + 1)]));
    if (free.every(Boolean)) return ports;
  }
  throw new Error("found no free ports between 12,000 and 30,000");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

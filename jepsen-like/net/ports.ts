// Where the nodes of one network listen: each on an address of its own if the host lets us, on the same ports on all of them.
//   PO1. Below the range from which systems give ports to outgoing connections, so that a node that was down finds its own free.

import { createServer } from "node:net";

export const loopback = "127.0.0.1";
const firstPort = 12_000;
const slots = 180;
const portsPerSlot = 100;
/** Processes that start together have neighbouring ids: none looks where another one does. */
let nextSlot = process.pid;

export interface Places {
  /** host:port of the client port and the peer port of a node. */
  (id: number): { readonly client: string; readonly peer: string };
}

/**
 * Looks for ports that are free for the first `nodes` nodes; others that come later use the same ones on addresses of their own.
 * @throws when none are free between 12,000 and 30,000.
 */
export async function findPlaces(nodes: number): Promise<Places> {
  const own = await isFree(0, addressOf(1));
  for (let attempt = 0; attempt < slots; attempt++) {
    const base = firstPort + portsPerSlot * (nextSlot++ % slots);
    const places: Places = own
      ? (id) => at(addressOf(id), base)
      : (id) => at(loopback, base + ((2 * id) % portsPerSlot));
    if (await areFree(places, nodes)) return places;
  }
  throw new Error("found no free ports between 12,000 and 30,000");
}

/** 127.0.0.11 for node 1; beyond node 200 the third number counts on. */
function addressOf(id: number): string {
  return `127.0.${Math.floor(id / 200)}.${10 + (id % 200)}`;
}

function at(host: string, port: number): ReturnType<Places> {
  return { client: `${host}:${port}`, peer: `${host}:${port + 1}` };
}

async function areFree(places: Places, nodes: number): Promise<boolean> {
  for (let id = 1; id <= nodes; id++) {
    for (const address of Object.values(places(id))) {
      const { host, port } = targetOf(address);
      if (!(await isFree(port, host))) return false;
    }
  }
  return true;
}

export function targetOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

// The network of a cluster, made of TCP proxies of ours: one listener for each ordered pair of ends, on this host, without rights.
//   PX1. Trouble from a to b is of the bytes that flow from a to b, whoever dialled the connection: node a dials node b, node b
//        dials node a, and clients dial nodes.
//   PX2. Bytes that were swallowed cannot be given back: a connection that lost some is reset when its trouble ends (PI1).
//   PX3. A node that was started before node j was there dials j at an address for anyone (from 0), and is recognised by its
//        process (origin.ts). On hosts where it cannot be, trouble between it and j begins with its next start.
//   PX4. A connection is refused by a reset right after it was accepted: the port stays ours, so that nobody else gets it.

import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { End, Network, Trouble } from "./contract.ts";
import { Connection } from "./connection.ts";
import { Lane } from "./lane.ts";
import { ownerOf } from "./origin.ts";
import { findPlaces, loopback, targetOf, type Places } from "./ports.ts";

/** Listeners that stand ready: an address is asked for at once, a port comes a moment later. */
const spareMin = 64;

export interface ProxyOptions {
  /** How many nodes the cluster begins with. Default 3. */
  readonly nodes?: number;
  /** In [0, 1), for jitter. Default Math.random. */
  readonly chance?: () => number;
  /** Where the nodes listen. Default: loopback addresses of their own. */
  readonly places?: Places;
}

interface Listener {
  readonly server: Server;
  readonly address: string;
  accept: ((socket: Socket) => void) | undefined;
}

export async function openProxies(options: ProxyOptions = {}): Promise<ProxyNetwork> {
  const places = options.places ?? (await findPlaces(options.nodes ?? 3));
  const network = new ProxyNetwork(places, options.chance ?? Math.random);
  await network.refill();
  return network;
}

export class ProxyNetwork implements Network {
  readonly kind = "proxies";
  readonly #places: Places;
  readonly #chance: () => number;
  readonly #lanes = new Map<string, Lane>();
  readonly #listeners = new Map<string, Listener>();
  readonly #servers = new Set<Server>();
  readonly #connections = new Set<Connection>();
  readonly #spare: Listener[] = [];
  #pids: () => ReadonlyMap<number, number> = () => new Map();
  #closed = false;

  /** Call `openProxies` instead. */
  constructor(places: Places, chance: () => number) {
    this.#places = places;
    this.#chance = chance;
  }

  listens(id: number): { readonly client: string; readonly peer: string } {
    return this.#places(id);
  }

  peerAddress(from: number, to: number): string {
    return this.#addressFor(from, to, this.#places(to).peer);
  }

  clientAddress(to: number): string {
    return this.#addressFor("clients", to, this.#places(to).client);
  }

  knowProcesses(pids: () => ReadonlyMap<number, number>): void {
    this.#pids = pids;
  }

  set(from: End, to: End, trouble: Trouble | undefined): void {
    this.#lane(from, to).set(trouble);
  }

  heal(): void {
    for (const lane of this.#lanes.values()) lane.set(undefined);
  }

  get disturbed(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.disturbed, 0);
  }

  carried(from: End, to: End): number {
    return this.#lane(from, to).carried;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closed = [...this.#servers].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of [...this.#connections]) connection.reset();
    await Promise.all(closed);
  }

  /** Opens listeners until enough stand ready. */
  async refill(): Promise<void> {
    while (this.#spare.length < spareMin && !this.#closed) this.#spare.push(await this.#listen());
  }

  #lane(from: End, to: End): Lane {
    const name = `${from}>${to}`;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new Lane();
    this.#lanes.set(name, lane);
    return lane;
  }

  #addressFor(from: End, to: number, target: string): string {
    const name = `${from}>${to}`;
    const known = this.#listeners.get(name);
    if (known !== undefined) return known.address;
    const listener = this.#spare.pop();
    if (listener === undefined) throw new Error("no listener stands ready: too many nodes at once");
    this.#listeners.set(name, listener);
    listener.accept = (socket) => this.#accept(socket, from, to, target);
    // What fails here fails for the next one who asks, when none is left.
    void this.refill().catch(() => undefined);
    return listener.address;
  }

  async #listen(): Promise<Listener> {
    // Read only when both sides are known; an end of one direction is not the end of the other.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    this.#servers.add(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: 0, host: loopback, exclusive: true }, resolve);
    });
    const { port } = server.address() as AddressInfo;
    const listener: Listener = { server, address: `${loopback}:${port}`, accept: undefined };
    server.on("connection", (socket) => {
      if (listener.accept === undefined) socket.resetAndDestroy();
      else listener.accept(socket);
    });
    return listener;
  }

  #accept(socket: Socket, via: End, to: number, target: string): void {
    if (via !== 0) {
      this.#join(socket, via, to, target);
      return;
    }
    // It is not read meanwhile, and what goes wrong with it is for whoever reads it.
    const unheard = (): void => undefined;
    socket.on("error", unheard);
    void this.#whoDials(socket).then((from) => {
      socket.off("error", unheard);
      if (socket.destroyed || this.#closed) socket.destroy();
      else this.#join(socket, from, to, target);
    });
  }

  #join(socket: Socket, from: End, to: number, target: string): void {
    const forward = this.#lane(from, to);
    const backward = this.#lane(to, from);
    const refusing = [forward, backward].find((lane) => lane.refuses);
    if (refusing !== undefined) {
      refusing.disturbed += 1;
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    const lanes = { forward, backward };
    const connection: Connection = new Connection(
      socket,
      targetOf(target),
      lanes,
      this.#chance,
      () => this.#connections.delete(connection),
    );
    this.#connections.add(connection);
  }

  /** PX3. */
  async #whoDials({ remotePort }: Socket): Promise<number> {
    return remotePort === undefined ? 0 : ((await ownerOf(remotePort, this.#pids)) ?? 0);
  }
}

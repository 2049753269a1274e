// The network of a cluster, made by the kernel: a network namespace per node, all on one bridge, and packets between nodes that are
// really dropped: connections stay as they are, and TCP goes on by itself when the cut is healed.
//   NA1. Needs root, or `unshared`. `probeNamespaces` says whether it can be had; it tries it.
//   NA2. Between nodes there is one trouble, the black hole, in each direction by itself: a rule of the receiving node's routing
//        that drops what comes from the other one. It needs `ip` and nothing else: neither netem nor iptables are everywhere.
//   NA3. Clients come through proxies in front (proxies.ts), and have all troubles. Observers come over the bridge and have none.
//   NA4. What is made here carries our process id in its name, and goes with us; what a dead process left goes at the next start.

import type { Command } from "../cluster/contract.ts";
import type { End, Network, Trouble } from "./contract.ts";
import { attempt, dropsIn, freeSubnet, ip, ipBatch, Names, removeLeftovers } from "./ip.ts";
import { openProxies, type ProxyNetwork } from "./proxies.ts";

const clientPort = 7400;
const peerPort = 7401;
/** The rule for addresses of the node itself, which the kernel has first, gives way to those that drop. */
const localPreference = 1000;
const dropPreference = 100;
/** How many networks this process has made. */
let opened = 0;

export interface NamespaceOptions {
  /** In [0, 1), for the jitter of clients. Default Math.random. */
  readonly chance?: () => number;
}

/** Why there can be no namespaces here; undefined: there can. */
export async function probeNamespaces(): Promise<string | undefined> {
  if (process.platform !== "linux") return "network namespaces are Linux only";
  let network: NamespaceNetwork | undefined;
  try {
    network = await openNamespaces();
    network.set(1, 2, { blackHole: true });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `no network namespaces (root, or \`unshare -Urnm\`, and the command \`ip\` are needed): ${reason.trim()}`;
  } finally {
    await network?.close();
  }
}

/**
 * A command that has namespaces of its own, where it may do what is done here without being root. It sees a loopback of its own:
 * all of a run must be started by it.
 */
export function unshared(command: Command): Command {
  const prepare = 'mount -t tmpfs none /run && ip link set lo up && exec "$@"';
  const args = ["-Urnm", "sh", "-c", prepare, "sh", command.file, ...command.args];
  return { ...command, file: "unshare", args };
}

/** @throws when the kernel or the rights do not allow it; then nothing is left. */
export async function openNamespaces(options: NamespaceOptions = {}): Promise<NamespaceNetwork> {
  removeLeftovers();
  const subnet = freeSubnet();
  const front = await openProxies({
    places: (id) => placesIn(subnet, id),
    chance: options.chance ?? Math.random,
  });
  return await NamespaceNetwork.open(subnet, front);
}

export class NamespaceNetwork implements Network {
  readonly kind = "namespaces";
  readonly #subnet: string;
  readonly #front: ProxyNetwork;
  readonly #names = new Names(opened++);
  /** Nodes whose namespace is there. */
  readonly #made = new Set<number>();
  /** "from>to" of what is dropped now. */
  readonly #dropped = new Map<string, { readonly from: number; readonly to: number }>();
  readonly #atExit = (): void => this.#remove();

  private constructor(subnet: string, front: ProxyNetwork) {
    this.#subnet = subnet;
    this.#front = front;
  }

  static async open(subnet: string, front: ProxyNetwork): Promise<NamespaceNetwork> {
    const network = new NamespaceNetwork(subnet, front);
    process.once("exit", network.#atExit);
    try {
      ipBatch([
        `link add ${network.#names.bridge} type bridge`,
        `addr add ${subnet}.1/24 dev ${network.#names.bridge}`,
        `link set ${network.#names.bridge} up`,
      ]);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  listens(id: number): { readonly client: string; readonly peer: string } {
    return placesIn(this.#subnet, id);
  }

  peerAddress(_from: number, to: number): string {
    return this.listens(to).peer;
  }

  clientAddress(to: number): string {
    return this.#front.clientAddress(to);
  }

  readonly launcher = (id: number, command: Command): Command => {
    this.#make(id);
    const args = ["netns", "exec", this.#names.namespace(id), command.file, ...command.args];
    return { ...command, file: "ip", args };
  };

  /** NA2, NA3. */
  can(from: End, to: End, trouble: Trouble): boolean {
    if (from === "clients" || to === "clients") return true;
    return Object.entries(trouble).every(
      ([kind, value]) => kind === "blackHole" || value === undefined,
    );
  }

  set(from: End, to: End, trouble: Trouble | undefined): void {
    if (from === "clients" || to === "clients") {
      this.#front.set(from, to, trouble);
      return;
    }
    if (!this.can(from, to, trouble ?? {})) {
      const asked = JSON.stringify(trouble);
      throw new Error(`between nodes in namespaces there is no trouble but blackHole: ${asked}`);
    }
    const name = `${from}>${to}`;
    if ((trouble?.blackHole === true) === this.#dropped.has(name)) return;
    for (const id of [from, to]) this.#make(id);
    if (trouble?.blackHole === true) {
      this.#rule("add", from, to);
      this.#dropped.set(name, { from, to });
    } else {
      this.#rule("del", from, to);
      this.#dropped.delete(name);
    }
  }

  heal(): void {
    for (const { from, to } of [...this.#dropped.values()]) this.set(from, to, undefined);
    this.#front.heal();
  }

  /** Packets between nodes that the kernel dropped, and what the proxies in front count. */
  get disturbed(): number {
    const packets = [...this.#made].map((id) => dropsIn(this.#names.namespace(id)));
    return packets.reduce((sum, drops) => sum + drops, this.#front.disturbed);
  }

  /** Between nodes NaN: the kernel does not count by pair. */
  carried(from: End, to: End): number {
    const isFront = from === "clients" || to === "clients";
    return isFront ? this.#front.carried(from, to) : NaN;
  }

  /** The nodes must have ended: what still runs keeps its namespace alive, without a name. */
  async close(): Promise<void> {
    process.removeListener("exit", this.#atExit);
    this.#remove();
    await this.#front.close();
  }

  /** On the side of the receiver, before it asks whether the packet is for itself. */
  #rule(verb: "add" | "del", from: number, to: number): void {
    const rule = ["from", this.#hostOf(from), "pref", String(dropPreference), "blackhole"];
    ip(["-n", this.#names.namespace(to), "rule", verb, ...rule]);
  }

  #make(id: number): void {
    if (this.#made.has(id)) return;
    const namespace = this.#names.namespace(id);
    ip(["netns", "add", namespace]);
    this.#made.add(id);
    ipBatch([
      `link add ${this.#names.veth(id)} type veth peer name eth0 netns ${namespace}`,
      `link set ${this.#names.veth(id)} master ${this.#names.bridge}`,
      `link set ${this.#names.veth(id)} up`,
    ]);
    ipBatch(
      [
        `addr add ${this.#hostOf(id)}/24 dev eth0`,
        "link set eth0 up",
        "link set lo up",
        `rule add pref ${localPreference} lookup local`,
        "rule del pref 0",
      ],
      namespace,
    );
  }

  #hostOf(id: number): string {
    return hostIn(this.#subnet, id);
  }

  #remove(): void {
    for (const id of this.#made) attempt(() => ip(["netns", "del", this.#names.namespace(id)]));
    // With their namespaces the kernel takes the pairs away too, a little later.
    for (const id of this.#made) attempt(() => ip(["link", "del", this.#names.veth(id)]));
    attempt(() => ip(["link", "del", this.#names.bridge]));
    this.#made.clear();
    this.#dropped.clear();
  }
}

function placesIn(subnet: string, id: number): { readonly client: string; readonly peer: string } {
  const host = hostIn(subnet, id);
  return { client: `${host}:${clientPort}`, peer: `${host}:${peerPort}` };
}

function hostIn(subnet: string, id: number): string {
  // Numbers are used once, addresses come round again: no cluster has so many members at a time.
  return `${subnet}.${10 + (id % 240)}`;
}

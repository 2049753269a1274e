// The command `ip`, and the names of what it makes for us: they carry our process id, so that what a dead process left is known.

import { execFileSync } from "node:child_process";

/** What one network is made of. Interfaces have at most 15 characters. */
export class Names {
  readonly #network: number;

  /** `network`: which one of this process. */
  constructor(network: number) {
    this.#network = network;
  }

  get bridge(): string {
    return `rq${process.pid.toString(36)}-${this.#network}b`;
  }

  veth(id: number): string {
    return `rq${process.pid.toString(36)}-${this.#network}v${id}`;
  }

  namespace(id: number): string {
    return `rq${process.pid}-${this.#network}-${id}`;
  }
}

const namespaces = /^rq(\d+)-\d+-\d+/;
const links = /^rq([0-9a-z]+)-\d+(b|v\d+)$/;

/** @throws with what it said, when it failed. */
export function ip(args: readonly string[], input?: string): string {
  return execFileSync("ip", args, { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"] });
}

/** Several lines at once, in a namespace. */
export function ipBatch(lines: readonly string[], namespace?: string): void {
  const where = namespace === undefined ? [] : ["-n", namespace];
  ip([...where, "-batch", "-"], `${lines.join("\n")}\n`);
}

export function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    // It was not there, or is gone already.
  }
}

/** NA4: of processes that are no more. */
export function removeLeftovers(): void {
  for (const line of ip(["netns", "list"]).split("\n")) {
    const pid = namespaces.exec(line)?.[1];
    const [name = ""] = line.split(" ");
    if (pid !== undefined && !isAlive(Number(pid))) attempt(() => ip(["netns", "del", name]));
  }
  for (const name of linkNames()) {
    const pid = links.exec(name)?.[1];
    if (pid !== undefined && !isAlive(parseInt(pid, 36))) attempt(() => ip(["link", "del", name]));
  }
}

function linkNames(): readonly string[] {
  return ip(["-o", "link", "show"])
    .split("\n")
    .flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? []);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The first three numbers of 256 addresses that nothing on this host has a route to. */
export function freeSubnet(): string {
  const taken = ip(["-4", "route", "show", "table", "all"]);
  for (let offset = 0; offset < 256; offset++) {
    const subnet = `10.213.${(process.pid + offset) % 256}`;
    if (!taken.includes(`${subnet}.`)) return subnet;
  }
  throw new Error("all of 10.213.0.0/16 is in use");
}

/** Packets that came into a namespace and had no way, because a rule forbids it. */
export function dropsIn(namespace: string): number {
  const lines = ip(["netns", "exec", namespace, "cat", "/proc/net/snmp"]).split("\n");
  const [names = [], values = []] = lines
    .filter((line) => line.startsWith("Ip: "))
    .map((line) => line.split(" "));
  const count = (name: string): number => Number(values[names.indexOf(name)] ?? 0);
  return count("InAddrErrors") + count("InDiscards");
}

// The network of the kernel, where it can be had: packets are really dropped, one way, and TCP goes on by itself afterwards.

import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  openNamespaces,
  probeNamespaces,
  unshared,
  type NamespaceNetwork,
} from "../../../jepsen-like/net/namespaces.ts";
import { until } from "./echo.ts";

const whyNot = await probeNamespaces();
const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  ),
);

describe.skipIf(whyNot !== undefined)("namespaces", () => {
  let network: NamespaceNetwork;
  const started: ChildProcess[] = [];

  beforeEach(async () => {
    network = await openNamespaces();
  });

  afterEach(async () => {
    await Promise.all(
      started.splice(0).map(async (child) => {
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }),
    );
    await network.close();
  });

  /** A program in the namespace of a node; what it prints, and a way to tell it something. */
  function run(id: number, code: string): { printed: string; tell: (text: string) => void } {
    const { file, args } = network.launcher(id, {
      file: process.execPath,
      args: ["-e", code],
      env,
    });
    const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    started.push(child);
    const running = { printed: "", tell: (text: string) => void child.stdin.write(text) };
    child.stdout.on("data", (bytes: Buffer) => (running.printed += bytes.toString()));
    return running;
  }

  /** Node 2 answers "re:" and what it got, and prints it; node 1 is connected and prints what it is answered. */
  async function pair(): Promise<readonly ReturnType<typeof run>[]> {
    const [host, port] = network.listens(2).peer.split(":");
    const two = run(
      2,
      `require("net").createServer((s) => s.on("data", (d) => { process.stdout.write(d); s.write("re:" + d); }))
         .listen(${port}, () => process.stdout.write("up "));`,
    );
    await until("it listens", () => two.printed === "up ");
    const one = run(
      1,
      `const s = require("net").connect(${port}, "${host}", () => process.stdout.write("on "));
       s.on("data", (d) => process.stdout.write(d)); process.stdin.on("data", (d) => s.write(d));`,
    );
    one.tell("a");
    await until("it is answered", () => one.printed === "on re:a");
    return [one, two];
  }

  test("a black hole is of one direction, and nothing is lost of a connection when it ends", async () => {
    const [one, two] = await pair();
    network.set(1, 2, { blackHole: true });
    one!.tell("b");
    await until("packets are dropped", () => network.disturbed > 0);
    expect(two!.printed).toBe("up a");
    network.set(1, 2, undefined);
    await until("it is there", () => one!.printed === "on re:are:b");

    const before = network.disturbed;
    network.set(2, 1, { blackHole: true });
    one!.tell("c");
    await until("it gets there", () => two!.printed === "up abc");
    await until("the answer is dropped", () => network.disturbed > before);
    expect(one!.printed).toBe("on re:are:b");
    network.heal();
    await until("the answer is there", () => one!.printed === "on re:are:bre:c");
  });

  test("clients have all troubles, nodes one, and what cannot be had is refused", () => {
    expect(network.can("clients", 1, { delayMs: 10 })).toBe(true);
    expect(network.can(1, 2, { blackHole: true })).toBe(true);
    expect(network.can(1, 2, { delayMs: 10 })).toBe(false);
    expect(() => network.set(1, 2, { reset: true })).toThrow("no trouble but blackHole");
    network.set("clients", 1, { reset: true });
    expect(network.carried(1, 2)).toBeNaN();
    expect(network.carried("clients", 1)).toBe(0);
  });

  test("nothing is left of it, nor of a process that died; another network of ours is let be (NA4)", async () => {
    const dead = spawnSync("true").pid;
    const leftLink = `rq${dead.toString(36)}-0b`;
    execFileSync("ip", ["netns", "add", `rq${dead}-0-1`]);
    execFileSync("ip", ["link", "add", leftLink, "type", "bridge"]);
    const namespaces = (): string => execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
    const links = (): string => execFileSync("ip", ["-o", "link"], { encoding: "utf8" });
    const [ownNamespaces, ownLinks] = [`rq${process.pid}-`, `rq${process.pid.toString(36)}-`];

    await pair();
    const before = [links().split(ownLinks).length, namespaces().split(ownNamespaces).length];
    expect(await probeNamespaces()).toBeUndefined();
    expect([namespaces().includes(`rq${dead}-`), links().includes(leftLink)]).toEqual([
      false,
      false,
    ]);
    expect([links().split(ownLinks).length, namespaces().split(ownNamespaces).length]).toEqual(
      before,
    );

    for (const child of started) child.kill("SIGKILL");
    await network.close();
    expect(namespaces()).not.toContain(ownNamespaces);
    expect(links()).not.toContain(ownLinks);
  });
});

const mayUnshare = spawnSync("unshare", ["-Urnm", "true"]).status === 0;

test.skipIf(!mayUnshare)("a command that is unshared may make namespaces, of its own", () => {
  const made = unshared({
    file: "sh",
    args: ["-c", 'ip netns add "$1" && ip netns list', "sh", "rq-own"],
    env,
  });
  const { stdout, status } = spawnSync(made.file, made.args, { env, encoding: "utf8" });
  expect([status, stdout.trim()]).toEqual([0, "rq-own"]);
});

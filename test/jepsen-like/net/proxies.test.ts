// The proxies against plain TCP: each trouble is seen, only where it was put, and nothing arrives that was not sent (PI1-PI3).

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { End, Trouble } from "../../../jepsen-like/net/contract.ts";
import { openProxies, type ProxyNetwork } from "../../../jepsen-like/net/proxies.ts";
import { randomFrom } from "../../../jepsen-like/nemesis/random.ts";
import { Dialled, Echo, placesAt, until } from "./echo.ts";

let one: Echo;
let two: Echo;
let network: ProxyNetwork;
const dialled: Dialled[] = [];

beforeEach(async () => {
  [one, two] = [await Echo.start(), await Echo.start()];
  network = await openProxies({ places: placesAt(one, two), chance: () => 0.999 });
});

afterEach(async () => {
  for (const { socket } of dialled.splice(0)) socket.destroy();
  await network.close();
  await Promise.all([one.stop(), two.stop()]);
});

/** As node `from` would dial node `to`. */
async function dial(from: End, to: number): Promise<Dialled> {
  const address = from === "clients" ? network.clientAddress(to) : network.peerAddress(from, to);
  const connection = await Dialled.dial(address);
  dialled.push(connection);
  return connection;
}

/** A connection that has carried something both ways. */
async function warm(from: End, to: number): Promise<Dialled> {
  const connection = await dial(from, to);
  connection.send("warm ");
  await until("it is warm", () => connection.received === "warm ");
  return connection;
}

describe("without trouble", () => {
  test("bytes pass both ways and are counted by direction", async () => {
    const connection = await warm(1, 2);
    two.answers = false;
    connection.send("one way");
    await until("it is there", () => two.received === "warm one way");
    expect(network.carried(1, 2)).toBe(12);
    expect(network.carried(2, 1)).toBe(5);
    expect(network.carried("clients", 2)).toBe(0);
    expect(network.disturbed).toBe(0);
  });

  test("an address is one for the pair and stays the same", () => {
    expect(network.peerAddress(1, 2)).toBe(network.peerAddress(1, 2));
    const addresses = [1, 3, 0].map((from) => network.peerAddress(from, 2));
    expect(new Set([...addresses, network.clientAddress(2)]).size).toBe(4);
  });

  test("an end travels, and the other direction goes on until it ends too", async () => {
    const connection = await dial(1, 2);
    connection.socket.end("last words");
    await until("the end is there", () => two.ends === 1);
    await until("it is over", () => connection.isClosed);
    expect(connection.received).toBe("last words");
    await until("the proxy has let go", () => network.connections === 0);
  });

  test("a reset travels", async () => {
    const connection = await warm(1, 2);
    for (const socket of two.sockets) socket.resetAndDestroy();
    await until("it is reset", () => connection.wasReset);
  });

  test("whom nobody listens for is refused", async () => {
    await two.stop();
    const connection = await dial(1, 2);
    await until("it is reset", () => connection.wasReset);
    two = await Echo.start();
  });
});

describe("black hole", () => {
  test("swallows one direction only, on connections that either end dialled (PX1)", async () => {
    const [from1, from2] = [await warm(1, 2), await warm(2, 1)];
    network.set(1, 2, { blackHole: true });
    from1.send("lost");
    // What node 2 sends to node 1 arrives; the echo that node 1 answers with does not.
    from2.send("there");
    await until("it is there", () => one.received === "warm there");
    await until("both are swallowed", () => network.disturbed === 9);
    expect(two.received).toBe("warm ");
    expect(from2.received).toBe("warm ");
    expect([from1.isClosed, from2.isClosed]).toEqual([false, false]);
  });

  test("new connections are accepted and swallowed, others are as usual", async () => {
    network.set("clients", 2, { blackHole: true });
    const swallowed = await dial("clients", 2);
    swallowed.send("lost");
    await until("it is swallowed", () => network.disturbed === 5);
    await warm(1, 2);
    await warm("clients", 1);
    expect(two.received).toBe("warm ");
    expect(swallowed.isClosed).toBe(false);
  });

  test("when it ends, connections that lost bytes are reset at both ends, others go on (PX2)", async () => {
    const [lost, idle] = [await warm(1, 2), await warm(1, 2)];
    network.set(1, 2, { blackHole: true });
    lost.send("lost");
    await until("it is swallowed", () => network.disturbed === 4);
    network.heal();
    await until("it is reset", () => lost.wasReset);
    await until("at the other end too", () => two.sockets.size === 1);
    idle.send("back");
    await until("it works", () => idle.received === "warm back");
    expect(two.received).toBe("warm warm back");
    await warm(1, 2);
  });

  test("an end is swallowed too: the other end does not learn of it before the trouble ends (PI3)", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { blackHole: true });
    connection.socket.resetAndDestroy();
    await until("it is swallowed", () => network.disturbed === 1);
    expect(two.sockets.size).toBe(1);
    network.set(1, 2, undefined);
    await until("it learns", () => two.sockets.size === 0);
  });

  test("swallows without bound, in bounded memory", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { blackHole: true });
    const bytes = 32 * 1024 * 1024;
    connection.send("x".repeat(bytes));
    await until("all is swallowed", () => network.disturbed === bytes);
    expect(two.received).toBe("warm ");
  });
});

describe("reset and half-open", () => {
  test.each([
    { from: 1, to: 2 },
    { from: 2, to: 1 },
  ])("reset from $from to $to ends what 1 dialled to 2, and refuses", async ({ from, to }) => {
    const connection = await warm(1, 2);
    network.set(from, to, { reset: true });
    await until("it is reset", () => connection.wasReset && two.sockets.size === 0);
    const refused = await dial(1, 2);
    await until("it is refused", () => refused.wasReset);
    expect(network.disturbed).toBe(2);
    network.heal();
    await warm(1, 2);
  });

  test("half-open: the sender's end is reset, the other end is left open until the trouble ends", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { halfOpen: true });
    await until("its end is reset", () => connection.wasReset);
    const [left] = two.sockets;
    left!.write("nobody hears this");
    const refused = await dial(1, 2);
    await until("new ones are refused", () => refused.wasReset);
    expect(two.sockets.size).toBe(1);
    network.heal();
    await until("the other end learns", () => two.sockets.size === 0);
  });

  test("half-open from the end that was dialled leaves the dialling end open", async () => {
    const connection = await warm(1, 2);
    network.set(2, 1, { halfOpen: true });
    await until("node 2's end is reset", () => two.sockets.size === 0);
    connection.send("nobody hears this");
    expect(connection.isClosed).toBe(false);
    network.heal();
    await until("it learns", () => connection.wasReset);
  });
});

describe("slow", () => {
  test("each piece is later by the delay and its jitter, in order, in one direction only", async () => {
    const chances = [0, 0.9, 0.1, 0.5];
    const slow = await openProxies({
      places: placesAt(one, two),
      chance: () => chances.shift() ?? 0.5,
    });
    const connection = await Dialled.dial(slow.peerAddress(1, 2));
    slow.set(2, 1, { delayMs: 60, jitterMs: 30 });
    const begun = performance.now();
    for (const text of ["a", "b", "c"]) {
      connection.send(text);
      const there = two.received.length;
      await until("it is there", () => two.received.length > there);
    }
    await until("all are back", () => connection.received === "abc");
    expect(connection.arrivals[0]! - begun).toBeGreaterThanOrEqual(29);
    expect(connection.arrivals.at(-1)! - begun).toBeGreaterThanOrEqual(83);
    expect(slow.disturbed).toBe(3);
    connection.socket.destroy();
    await slow.close();
  });

  test("what is held back goes at once, complete and in order, when the trouble ends", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { delayMs: 3_600_000 });
    const texts = Array.from({ length: 50 }, (_, n) => `${n};`);
    for (const text of texts) connection.send(text);
    await until("it is held", () => network.disturbed === texts.join("").length);
    expect(two.received).toBe("warm ");
    network.heal();
    await until("all is there", () => connection.received === `warm ${texts.join("")}`);
  });

  test("what is held back is swallowed by a cut, and nothing follows it", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { delayMs: 3_600_000 });
    connection.send("held");
    await until("it is held", () => network.disturbed === 4);
    network.set(1, 2, { blackHole: true });
    expect(network.disturbed).toBe(8);
    network.heal();
    await until("it is reset", () => connection.wasReset);
    expect(two.received).toBe("warm ");
  });

  test("a throttle lets no more through than its rate", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { bytesPerSecond: 20_000 });
    const begun = performance.now();
    connection.send("x".repeat(4_000));
    await until("a first piece is there", () => two.received.length > 5);
    expect(two.received.length).toBeLessThan(4_000);
    await until("all is there", () => two.received.length === 4_005);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(199);
  });

  test("the sender has to wait when too much is held back (PI2)", async () => {
    const connection = await warm(1, 2);
    network.set(1, 2, { delayMs: 3_600_000 });
    connection.send("x".repeat(64 * 1024 * 1024));
    await standstill(() => network.disturbed);
    expect(network.disturbed).toBeGreaterThanOrEqual(512 * 1024);
    expect(network.disturbed).toBeLessThan(1024 * 1024);
  });

  test("a receiver that does not read holds its sender back, and loses nothing", async () => {
    two.answers = false;
    const connection = await warm0();
    for (const socket of two.sockets) socket.pause();
    const text = "0123456789".repeat(1_600_000);
    connection.send(text);
    await standstill(() => network.carried(1, 2));
    expect(network.carried(1, 2)).toBeLessThan(text.length);
    for (const socket of two.sockets) socket.resume();
    await until("all is there", () => two.received.length === text.length + 1);
    expect(two.received === `w${text}`).toBe(true);
  });
});

test("a sender that had to wait is swallowed too", async () => {
  const connection = await warm0();
  for (const socket of two.sockets) socket.pause();
  connection.send("x".repeat(16_000_000));
  await standstill(() => network.carried(1, 2));
  const passed = network.carried(1, 2) - 1;
  network.set(1, 2, { blackHole: true });
  await until("the rest is swallowed", () => network.disturbed === 16_000_000 - passed);
});

/** Until buffers are full and nothing moves. Were it to look too early, a test would prove less, and not fail. */
async function standstill(moved: () => number): Promise<void> {
  let before = -1;
  while (before !== moved()) {
    before = moved();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function warm0(): Promise<Dialled> {
  const connection = await dial(1, 2);
  connection.send("w");
  await until("it is there", () => two.received === "w");
  return connection;
}

test.each([1, 2, 3, 4, 5, 6])(
  "whatever happens, what arrives is a beginning of what was sent, and all of it where nothing was lost (PI1), seed %i",
  async (seed) => {
    const random = randomFrom(seed);
    const troubles: readonly Trouble[] = [
      {},
      { blackHole: true },
      { delayMs: 5, jitterMs: 5 },
      { bytesPerSecond: 200_000 },
      { reset: true },
      { halfOpen: true },
    ];
    const all: { readonly connection: Dialled; sent: string }[] = [];
    for (let step = 0; step < 120; step++) {
      if (random.chance(0.1)) all.push({ connection: await dial(1, 2), sent: "" });
      const [from, to] = random.shuffled([1, 2] as const);
      if (random.chance(0.2)) network.set(from!, to!, random.pick(troubles));
      for (const one of all.filter(() => random.chance(0.5))) {
        const text = `${step},`.repeat(random.between(1, 200));
        if (!one.connection.socket.writable) continue;
        one.connection.send(text);
        one.sent += text;
      }
      await new Promise((resolve) => setTimeout(resolve, random.between(0, 3)));
    }
    network.heal();
    await until("each has all or was closed", () =>
      all.every(({ connection, sent }) => connection.isClosed || connection.received === sent),
    );
    expect(all.length).toBeGreaterThan(3);
    for (const { connection, sent } of all) expect(sent.startsWith(connection.received)).toBe(true);
    const healed = await dial(1, 2);
    healed.send("healed");
    await until("new ones work", () => healed.received === "healed");
  },
);

test("a trouble is one pair's: `set` replaces it, undefined ends it", async () => {
  const trouble: Trouble = { blackHole: true };
  network.set(1, 2, trouble);
  network.set(1, 2, { delayMs: 1 });
  await warm(1, 2);
  network.set(1, 2, trouble);
  network.set(1, 2, undefined);
  await warm(1, 2);
});

test("who dials the address for anyone is recognised by its process (PX3)", async () => {
  network.knowProcesses(() => new Map([[7, process.pid]]));
  await warm(0, 2);
  expect(network.carried(7, 2)).toBe(5);
  network.knowProcesses(() => new Map());
  await warm(0, 2);
  expect(network.carried(0, 2)).toBe(5);
});

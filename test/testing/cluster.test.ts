// What a test can do with a cluster of raftq/testing, and what it can rely on.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../../client/index.ts";
import {
  createTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from "../../testing/index.ts";

const open: TestCluster[] = [];

async function start(options?: TestClusterOptions): Promise<TestCluster> {
  const cluster = await createTestCluster(options);
  open.push(cluster);
  return cluster;
}

afterEach(async () => {
  vi.useRealTimers();
  for (const cluster of open.splice(0)) await cluster.close();
});

interface Booking {
  readonly amount: number;
}

async function ledgerOf(client: Client) {
  await client.createQueue("ledger");
  return client.queue<Booking>("ledger");
}

/** The real event loop turns: whatever is ready in it happens. */
async function realTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** What keeps this process alive, when everything that was ready has happened. */
async function held(): Promise<readonly string[]> {
  await realTurns(5);
  const isReal = (name: string): boolean => name !== "Immediate";
  return process.getActiveResourcesInfo().filter(isReal).sort();
}

async function heldSince(before: readonly string[]): Promise<readonly string[]> {
  const left = [...before];
  return (await held()).filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

describe("a failover", () => {
  test("goes unnoticed by a handler: each booking once, in the order of its account", async () => {
    const cluster = await start({ nodes: 3, seed: 7 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    const seen: string[] = [];
    const consumer = ledger.consume(({ value, message }) => {
      seen.push(`${message.key}${message.keySeq}:${value.amount}`);
    });
    for (let amount = 1; amount <= 4; amount += 1) await ledger.enqueue({ amount }, { key: "a" });
    const dead = await cluster.killLeader();
    for (let amount = 5; amount <= 8; amount += 1) await ledger.enqueue({ amount }, { key: "a" });
    await cluster.until(() => seen.length === 8);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((amount) => `a${amount}:${amount}`));
    expect(cluster.leader).not.toBe(dead);
    await cluster.settle();
    expect(consumer.stats.acked).toBe(8);
    expect((await client.getQueue("ledger")).ready).toBe(0);
  });

  test("lets a call that was under way take effect once", async () => {
    const cluster = await start({ seed: 3 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    for (let round = 1; round <= 5; round += 1) {
      const calls = Array.from({ length: 10 }, () => ledger.enqueue({ amount: 1 }, { key: "a" }));
      // Some are on the leader's disk by now, some on others', some nowhere.
      await cluster.run(round);
      const dead = await cluster.killLeader();
      await Promise.all(calls);
      await cluster.restart(dead);
    }
    const { ready, enqueued } = await client.getQueue("ledger");
    expect([ready, enqueued]).toEqual([50, 50]);
  });

  test("at any moment leaves a pipeline exactly once: what came in went out", async () => {
    const cluster = await start({ seed: 9 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    await client.createQueue("doubled");
    const doubled = client.queue<Booking>("doubled");
    const consumer = ledger.consume(async (handling) => {
      await client.commit((tx) => {
        tx.ack(handling);
        tx.enqueue(doubled, { amount: 2 * handling.value.amount }, { key: handling.message.key });
      });
    });
    for (let amount = 1; amount <= 20; amount += 1) {
      await ledger.enqueue({ amount }, { key: "a" });
      if (amount % 5 !== 0) continue;
      await cluster.run(amount / 5);
      cluster.start(await cluster.killLeader());
    }
    await cluster.until(() => consumer.stats.committed === 20);
    const amounts: number[] = [];
    for await (const delivery of doubled.receive()) {
      amounts.push(delivery.value.amount);
      await delivery.ack();
      if (amounts.length === 20) break;
    }
    expect(amounts).toEqual(Array.from({ length: 20 }, (_, i) => 2 * (i + 1)));
    expect((await client.getQueue("ledger")).acked).toBe(20);
  });

  test("is waited out by a request, whoever answers it", async () => {
    const cluster = await start({ seed: 10 });
    const [asks, answers] = [await cluster.connect(), await cluster.connect()];
    await asks.createQueue("prices");
    answers
      .queue<string>("prices")
      .consume(({ value }) => `${value} costs 990 cents`, { reply: true });
    const asked = asks.request("prices", "a pen", { key: "pen" });
    await cluster.killLeader();
    expect(await asked).toBe("a pen costs 990 cents");
  });

  test("of all nodes, with loss of power, keeps what was acknowledged", async () => {
    const cluster = await start({ nodes: 3, seed: 5 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    for (let amount = 1; amount <= 5; amount += 1) await ledger.enqueue({ amount }, { key: "a" });
    for (const { id } of cluster.nodes) cluster.losePower(id);
    expect(cluster.nodes.map(({ state }) => state)).toEqual(["down", "down", "down"]);
    expect(cluster.leader).toBeUndefined();
    await Promise.all(cluster.nodes.map(({ id }) => cluster.restart(id)));
    const deliveries = await ledger.receiveBatch({ maxMessages: 1, maxWaitMs: 30_000 });
    expect(deliveries.map(({ value }) => value.amount)).toEqual([1]);
    expect((await client.getQueue("ledger")).enqueued).toBe(5);
  });
});

describe("faults", () => {
  test("a leader that is cut off from the others is replaced, and catches up", async () => {
    const cluster = await start({ seed: 11 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    const { leader: old = 0 } = cluster;
    const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== old);
    cluster.partition([old], [...others, client]);
    const { logIndex } = await ledger.enqueue({ amount: 1 }, { key: "a" });
    expect(others).toContain(cluster.leader);
    cluster.heal();
    await cluster.settle();
    const views = await Promise.all(cluster.nodes.map(({ endpoint }) => client.cluster(endpoint)));
    const selves = views.map(({ nodeId, members }) =>
      members.find((member) => member.nodeId === nodeId),
    );
    for (const self of selves) expect(self?.appliedIndex).toBeGreaterThanOrEqual(logIndex);
    expect(new Set(selves.map((self) => self?.stateDigest)).size).toBe(1);
  });

  test("a client that is cut off is answered when the network is whole again, once", async () => {
    const cluster = await start({ seed: 16 });
    const client = await cluster.connect({ timeoutMs: 60_000 });
    const ledger = await ledgerOf(client);
    cluster.partition(
      [client],
      cluster.nodes.map(({ id }) => id),
    );
    let isAnswered = false;
    const call = ledger.enqueue({ amount: 1 }, { key: "a" }).then(() => (isAnswered = true));
    await cluster.run(20_000);
    expect(isAnswered).toBe(false);
    cluster.heal();
    await call;
    expect((await client.getQueue("ledger")).enqueued).toBe(1);
  });

  test("without a majority nothing is acknowledged; a call waits until there is one", async () => {
    const cluster = await start({ seed: 12 });
    const client = await cluster.connect({ timeoutMs: 2_000 });
    const ledger = await ledgerOf(client);
    const { leader: kept = 0 } = cluster;
    for (const { id } of cluster.nodes) if (id !== kept) cluster.kill(id);
    await expect(ledger.enqueue({ amount: 1 }, { key: "a" })).rejects.toMatchObject({
      reason: "TIMEOUT",
    });
    const call = ledger.enqueue({ amount: 2 }, { key: "a" });
    for (const { id } of cluster.nodes) cluster.start(id);
    await expect(call).resolves.toBeDefined();
  });

  test("a consumer that is killed loses its message to another when its session ends, not before", async () => {
    const cluster = await start({ seed: 13 });
    const producer = await cluster.connect();
    const ledger = await ledgerOf(producer);
    const first = await cluster.connect({ sessionTtlMs: 5_000 });
    const second = await cluster.connect();
    const got: string[] = [];
    let taken = false;
    first.queue<Booking>("ledger").consume(() => {
      taken = true;
      return new Promise(() => undefined);
    });
    await ledger.enqueue({ amount: 1 }, { key: "a" });
    await cluster.until(() => taken);
    second.queue<Booking>("ledger").consume(({ message }) => {
      got.push(message.redelivery);
    });
    cluster.kill(first);
    const killedAt = cluster.now;
    await cluster.run(4_000);
    expect(got).toEqual([]);
    await cluster.until(() => got.length > 0);
    expect(got).toEqual(["session-ended"]);
    expect(cluster.now - killedAt).toBeGreaterThan(4_500);
    expect(cluster.now - killedAt).toBeLessThan(10_000);
  });

  test("a lease that nobody renews ends by virtual time", async () => {
    const cluster = await start({ seed: 14 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    await ledger.enqueue({ amount: 1 }, { key: "a" });
    const [delivery] = await ledger.receiveBatch({ leaseMs: 1_000 });
    await cluster.run(900);
    expect(await ledger.receiveBatch()).toEqual([]);
    const [again] = await ledger.receiveBatch({ maxWaitMs: 5_000 });
    expect(again?.message.redelivery).toBe("lease-expired");
    await expect(delivery?.ack()).rejects.toMatchObject({ reason: "STALE_LEASE" });
  });

  test("a node that stands still is replaced, and goes on; one that is stopped hands over first", async () => {
    const cluster = await start({ seed: 15 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    const { leader: paused = 0 } = cluster;
    cluster.pause(paused);
    expect(cluster.nodes.find(({ id }) => id === paused)?.state).toBe("paused");
    await ledger.enqueue({ amount: 1 }, { key: "a" });
    expect(cluster.leader).not.toBe(paused);
    cluster.resume(paused);
    const { leader: stopped = 0 } = cluster;
    await cluster.stop(stopped);
    await ledger.enqueue({ amount: 2 }, { key: "a" });
    await cluster.restart(stopped);
    await cluster.settle();
    expect(cluster.nodes.map(({ state }) => state)).toEqual(["up", "up", "up"]);
  });
});

describe("time", () => {
  test("stands still while nobody waits for the cluster", async () => {
    const cluster = await start();
    await cluster.settle();
    const before = cluster.now;
    await realTurns(100);
    expect(cluster.now).toBe(before);
    await cluster.run(1_000);
    expect(cluster.now).toBeGreaterThanOrEqual(before + 1_000);
  });

  test("moves while a loop waits for its next delivery, also after something real", async () => {
    const cluster = await start();
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    await ledger.enqueue({ amount: 1 }, { key: "a" });
    const attempts: number[] = [];
    for await (const delivery of ledger.receive()) {
      attempts.push(delivery.message.attempts);
      if (attempts.length === 3) break;
      await delivery.nack({ delayMs: 2_000 });
      await cluster.settle();
      await realTurns(3);
    }
    expect(attempts).toEqual([0, 1, 2]);
    expect(cluster.now).toBeGreaterThan(4_000);
  });

  test("settle ends when all has been handled, and does not wait for a back-off", async () => {
    const cluster = await start();
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    let handled = 0;
    ledger.consume(({ value }) => {
      handled += 1;
      if (value.amount === 0) throw new Error("not now");
    });
    const amounts = Array.from({ length: 100 }, (_, i) => 99 - i);
    await ledger.enqueueBatch(amounts.map((amount) => ({ value: { amount }, key: "a" })));
    const before = cluster.now;
    await cluster.settle();
    expect(handled).toBe(100);
    expect(cluster.now - before).toBeGreaterThan(150);
    expect((await client.getQueue("ledger")).retrying).toBe(1);
  });

  test("W2: what a handler does outside of the cluster takes no virtual time", async () => {
    const took = async (patienceMs: number): Promise<number> => {
      const cluster = await start({ patienceMs });
      const client = await cluster.connect();
      const ledger = await ledgerOf(client);
      let ms = -1;
      ledger.consume(async () => {
        const before = cluster.now;
        for (let i = 0; i < 5; i += 1) await readFile(new URL(import.meta.url));
        ms = cluster.now - before;
      });
      await ledger.enqueue({ amount: 1 }, { key: "a" });
      await cluster.until(() => ms >= 0, { withinMs: 2 ** 31 - 1 });
      return ms;
    };
    expect(await took(60_000)).toBe(0);
    expect(await took(0)).toBeGreaterThan(0);
  });

  test("W2: a handler that calls the cluster is answered", async () => {
    const cluster = await start({ patienceMs: 600_000 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    await client.createQueue("copy");
    const copies = client.queue<Booking>("copy");
    let handled = 0;
    ledger.consume(async ({ value, message }) => {
      await copies.enqueue(value, { key: message.key });
      await realTurns(3);
      await copies.enqueue(value, { key: message.key });
      handled += 1;
    });
    for (let amount = 1; amount <= 3; amount += 1) await ledger.enqueue({ amount }, { key: "a" });
    await cluster.until(() => handled === 3);
    expect((await client.getQueue("copy")).ready).toBe(6);
  });

  test("W2: a handler that hangs is not waited for for ever", async () => {
    const cluster = await start({ patienceMs: 1 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    ledger.consume(() => new Promise(() => undefined));
    await ledger.enqueue({ amount: 4 }, { key: "a" });
    await cluster.run(5_000);
    expect((await client.getQueue("ledger")).leased).toBe(1);
  });

  test("is not the test's: its clock, its timers and its fakes are its own", async () => {
    const cluster = await start();
    vi.useFakeTimers({ now: 5 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    await ledger.enqueue({ amount: 1 }, { key: "a" });
    await cluster.run(1_000);
    expect(Date.now()).toBe(5);
  });

  test("run gives what a promise gives, and until passes on what its condition throws", async () => {
    const cluster = await start();
    await expect(cluster.run(() => Promise.resolve(3))).resolves.toBe(3);
    await expect(cluster.run(Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    const failing = (): boolean => {
      throw new Error("mine too");
    };
    await expect(cluster.until(failing)).rejects.toThrow("mine too");
    await expect(cluster.run(1)).resolves.toBeUndefined();
  });

  test("what does not come true is told with the seed, the nodes and the last events", async () => {
    const cluster = await start({ seed: 21 });
    const dead = await cluster.killLeader();
    const late = cluster.until(() => cluster.leader === dead, { withinMs: 3_000 });
    await expect(late).rejects.toThrow(
      new RegExp(
        `did not come true within 3000 ms of virtual time \\(seed 21, at \\d+ ms\\)[^]*n${dead} down[^]*FAULT kill n${dead}`,
      ),
    );
    const never = cluster.run(new Promise(() => undefined), { withinMs: 10 });
    await expect(never).rejects.toThrow("it was not settled within 10 ms of virtual time");
  });
});

describe("seeds", () => {
  const story = async (seed: number): Promise<readonly [string, number]> => {
    const cluster = await start({ seed });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    let handled = 0;
    ledger.consume(async () => {
      // What is real takes no virtual time, so it changes nothing.
      await realTurns(2);
      handled += 1;
    });
    for (let amount = 1; amount <= 20; amount += 1)
      await ledger.enqueue({ amount }, { key: `k${amount % 3}` });
    await cluster.killLeader();
    await ledger.enqueue({ amount: 21 }, { key: "k" });
    await cluster.until(() => handled === 21);
    await cluster.settle();
    return [cluster.trace.join("\n"), cluster.now];
  };

  test("the same seed does the same things, event by event; another does others", async () => {
    const first = await story(31);
    expect(await story(31)).toEqual(first);
    expect(await story(32)).not.toEqual(first);
  });

  test("two clusters beside each other know nothing of one another", async () => {
    const [one, two] = await Promise.all([start({ seed: 1 }), start({ seed: 2 })]);
    const [from, to] = await Promise.all([one.connect(), two.connect()]);
    const [source, target] = [await ledgerOf(from), await ledgerOf(to)];
    source.consume(async ({ value, message }) => {
      await target.enqueue(value, { key: message.key });
    });
    for (let amount = 1; amount <= 5; amount += 1) await source.enqueue({ amount }, { key: "a" });
    await one.killLeader();
    await one.until(() => one.leader !== undefined);
    await one.settle();
    expect((await to.getQueue("ledger")).enqueued).toBe(5);
    expect((await from.getQueue("ledger")).acked).toBe(5);
    expect(two.nodes.every(({ state }) => state === "up")).toBe(true);
  });
});

describe("close", () => {
  test("ends what waits, and leaves nothing behind in the process", async () => {
    const before = await held();
    const cluster = await start();
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    const receiver = ledger.receive();
    const next = receiver.next();
    const consumer = ledger.consume(() => undefined);
    const waiting = cluster.until(() => false);
    const told = expect(waiting).rejects.toThrow("the test cluster is closed");
    await cluster.close();
    await told;
    await expect(next).resolves.toMatchObject({ done: true });
    await expect(consumer.done).resolves.toBeUndefined();
    await expect(ledger.enqueue({ amount: 1 }, { key: "a" })).rejects.toMatchObject({
      reason: "CLOSED",
    });
    await expect(cluster.run(1)).rejects.toThrow("the test cluster is closed");
    await cluster.close();
    expect(await heldSince(before)).toEqual([]);
  });

  test("a process ends although a cluster in it was not closed: nobody waits for it", async () => {
    const door = new URL("../../dist/testing/index.js", import.meta.url).href;
    const program = `
      const { createTestCluster } = await import(${JSON.stringify(door)});
      const cluster = await createTestCluster();
      const client = await cluster.connect();
      await client.createQueue("ledger");
      client.queue("ledger").consume(() => undefined);
      await cluster.settle();
      console.log("settled");`;
    const args = ["--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
    expect(stdout).toBe("settled\n");
  });

  test("works with a majority dead, and with a client that stands still", async () => {
    const cluster = await start({ nodes: 3 });
    const client = await cluster.connect();
    const ledger = await ledgerOf(client);
    const call = ledger.enqueue({ amount: 1 }, { key: "a" });
    const failed = expect(call).rejects.toMatchObject({ reason: "CLOSED" });
    cluster.pause(client);
    for (const { id } of cluster.nodes) cluster.kill(id);
    await cluster.close();
    await failed;
  });
});

describe("bad input", () => {
  test.each([
    [{ nodes: 0 }, "nodes is 0; expected a whole number from 1 to 7"],
    [{ nodes: 9 }, "nodes is 9; expected a whole number from 1 to 7"],
    [{ seed: -1 }, "seed is -1; expected a whole number from 0 to 4294967295"],
    [{ seed: 0.5 }, "seed is 0.5; expected a whole number from 0 to 4294967295"],
    [{ patienceMs: -1 }, "patienceMs is -1; expected a whole number from 0 to 600000"],
    [{ network: { loss: 2 } }, "network.loss is 2; expected a number from 0 to 1"],
    [{ network: { delayMs: NaN } }, "network.delayMs is NaN; expected a number from 0 to 60000"],
  ])("%j", async (options, message) => {
    await expect(createTestCluster(options)).rejects.toMatchObject({
      reason: "MALFORMED",
      message,
    });
  });

  test("of the cluster's own calls", async () => {
    const cluster = await start({ nodes: 1 });
    const client = await cluster.connect();
    expect(() => cluster.kill(2)).toThrow(
      "there is no node 2; expected a whole number from 1 to 1",
    );
    expect(() => cluster.pause(1.5)).toThrow("there is no node 1.5");
    cluster.kill(1);
    cluster.kill(1);
    expect(() => cluster.pause(1)).toThrow("node 1 is down; expected one that runs, or a client");
    await expect(cluster.stop(0)).rejects.toThrow("there is no node 0");
    await expect(cluster.run(-1)).rejects.toThrow("ms is -1; expected a whole number from 1 to");
    await expect(cluster.until(() => true, { withinMs: 0 })).rejects.toThrow("withinMs is 0");
    cluster.kill(client);
    expect(() => cluster.kill(client)).toThrow("the client is none of this cluster's");
  });
});

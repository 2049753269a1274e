import { describe, expect, test } from "vitest";
import type { Grant, Settlement } from "../../queue/index.ts";
import { backOffMs } from "../../queue/settle.ts";
import { Flight, Lane, Queue } from "../../queue/state.ts";
import { defaultOptions } from "../../queue/index.ts";
import { only, settleCommand, Story } from "./harness.ts";

const settlements: readonly Settlement[] = [
  { kind: "ack" },
  { kind: "nack", delayMs: undefined, error: "" },
  { kind: "release" },
  { kind: "reject", error: "" },
  { kind: "extend", leaseMs: 1000 },
];

async function leased(story: Story): Promise<Grant> {
  await story.queue("q", { maxAttempts: 3, leaseMs: 10_000 });
  await story.session("q", 1);
  await story.put("q", "a");
  return only(story.grants);
}

describe("P5: fencing", () => {
  test("tokens grow with every grant", async () => {
    const story = new Story();
    let grant = await leased(story);
    for (let i = 0; i < 5; i++) {
      const before = grant.token;
      await story.settle(grant, { kind: "release" });
      grant = only(story.grants);
      expect(grant.token).toBeGreaterThan(before);
      await story.restart();
    }
  });

  test("only the newest holder settles: STALE_LEASE says which token and state", async () => {
    const story = new Story();
    const old = await leased(story);
    await story.settle(old, { kind: "release" });
    const current = only(story.grants);
    for (const settlement of settlements) {
      const refusal = await story.refusal(settleCommand(old, settlement));
      expect(refusal).toMatchObject({
        reason: "STALE_LEASE",
        currentToken: current.token,
        state: "LEASED",
      });
    }
    await story.nack(current, 1000);
    expect(await story.refusal(settleCommand(current, { kind: "ack" }))).toMatchObject({
      currentToken: current.token,
      state: "RETRYING",
    });
    await story.in(1, { kind: "unsubscribe", consumer: 1 });
    await story.pass(2000);
    expect(await story.refusal(settleCommand(current, { kind: "ack" }))).toMatchObject({
      state: "READY",
    });
  });

  test("a message that is parked, settled, waiting, or never was", async () => {
    const story = new Story();
    const grant = await leased(story);
    await story.put("q", "a");
    const next = { ...grant, keySeq: 2 };
    expect(await story.refusal(settleCommand(next, { kind: "ack" }))).toMatchObject({
      reason: "STALE_LEASE",
      currentToken: 0,
      state: "READY",
    });
    await story.settle(grant, { kind: "reject", error: "" });
    expect(await story.refusal(settleCommand(grant, { kind: "ack" }))).toMatchObject({
      currentToken: grant.token,
      state: "PARKED",
    });
    for (const never of [
      { ...grant, keySeq: 3 },
      { ...grant, keySeq: 0 },
      { ...grant, lane: "b" },
    ]) {
      const refusal = await story.refusal(settleCommand(never, { kind: "ack" }));
      expect(refusal.reason).toBe("MESSAGE_NOT_FOUND");
    }
    const refusal = await story.refusal(settleCommand({ ...grant, queue: "p" }, { kind: "ack" }));
    expect(refusal.reason).toBe("QUEUE_NOT_FOUND");
  });
});

describe("O3: the ends of a lease", () => {
  test("a repeated ack by the same holder is settled already, also after a restart", async () => {
    const story = new Story();
    const grant = await leased(story);
    expect(await story.ack(grant)).toEqual({ kind: "settled", already: false });
    expect(await story.ack(grant)).toEqual({ kind: "settled", already: true });
    await story.restart({ lanesResidentMax: 0 });
    expect(await story.ack(grant)).toEqual({ kind: "settled", already: true });
    const wrong = { ...grant, token: grant.token + 1 };
    expect(await story.refusal(settleCommand(wrong, { kind: "ack" }))).toMatchObject({
      state: "SETTLED",
      currentToken: 0,
    });
    const other = await story.refusal(settleCommand(grant, { kind: "reject", error: "" }));
    expect(other).toMatchObject({ reason: "STALE_LEASE", state: "SETTLED" });
    expect(story.machine.queueInfo("q")).toMatchObject({ acked: 1 });
  });

  test("Nack, Reject and an expired lease count an attempt; Release and Extend do not", async () => {
    const story = new Story();
    let grant = await leased(story);
    await story.settle(grant, { kind: "extend", leaseMs: 20_000 });
    await story.settle(grant, { kind: "release" });
    grant = only(story.grants);
    expect(grant).toMatchObject({ attempts: 0, deliveries: 2 });
    await story.nack(grant, 0);
    grant = only(story.grants);
    expect(grant).toMatchObject({ attempts: 1, deliveries: 3 });
    await story.restart();
    await story.pass(11_000);
    grant = only(story.grants);
    expect(grant).toMatchObject({ attempts: 2, deliveries: 4 });
    await story.restart();
    await story.nack(grant, 0);
    expect(story.machine.queueInfo("q")).toMatchObject({ parked: 1, leased: 0 });
    const { redelivered } = story.machine.queueInfo("q")!;
    expect(redelivered).toEqual({ nack: 1, release: 1, leaseExpired: 1, sessionEnded: 0 });
  });

  test("Extend moves the end of the lease; 0 means as long as before", async () => {
    const story = new Story();
    const grant = await leased(story);
    await story.pass(9000);
    await story.settle(grant, { kind: "extend", leaseMs: 0 });
    expect(await story.pass(9000)).toEqual([]);
    await story.settle(grant, { kind: "extend", leaseMs: 30_000 });
    await story.restart();
    expect(await story.pass(29_000)).toEqual([]);
    expect(only(story.machine.liveGrants(1)).leaseMs).toBeLessThan(1100);
    expect(only(await story.pass(2000)).redelivery).toBe("lease-expired");
  });

  test("a settlement gives its credit back", async () => {
    const story = new Story();
    const grant = await leased(story);
    await story.put("q", "b");
    expect(story.grants).toEqual([]);
    await story.ack(grant);
    expect(only(story.grants).lane).toBe("b");
  });
});

describe("the retry delay", () => {
  const delay = (attempts: number, keySeq = 1, multiplier = 2): number => {
    const options = { ...defaultOptions(), retry: { initialMs: 1000, multiplier, maxMs: 10_000 } };
    const flight = new Flight(new Lane(new Queue(1, "q", options, 0), "a"), keySeq);
    flight.attempts = attempts;
    return backOffMs(flight);
  };

  test("grows by the multiplier up to the maximum, give or take a tenth", () => {
    [1000, 2000, 4000, 8000, 10_000, 10_000].forEach((nominal, at) => {
      expect(delay(at + 1)).toBeGreaterThanOrEqual(nominal * 0.9);
      expect(delay(at + 1)).toBeLessThanOrEqual(nominal * 1.1);
    });
    expect(delay(1_000_000)).toBeLessThanOrEqual(11_000);
    expect(delay(1_000_000, 1, 1)).toBeLessThanOrEqual(1100);
  });

  test("G1: depends on the message and the attempt only, and spreads", () => {
    expect(delay(3, 7)).toBe(delay(3, 7));
    const delays = Array.from({ length: 200 }, (_, at) => delay(1, at + 1));
    expect(new Set(delays).size).toBeGreaterThan(80);
    expect(Math.min(...delays)).toBeLessThan(930);
    expect(Math.max(...delays)).toBeGreaterThan(1070);
  });

  test("an explicit delay wins", async () => {
    const story = new Story();
    const grant = await leased(story);
    await story.nack(grant, 5000);
    expect(await story.pass(4900, 100)).toEqual([]);
    expect(only(await story.pass(200, 100)).attempts).toBe(1);
  });
});

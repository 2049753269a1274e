// P7, P9: time is data.

import { describe, expect, test } from "vitest";
import { leaseClockStepMaxMs } from "../../queue/index.ts";
import { nobody, only, payloadOf, Replica, Story } from "./harness.ts";

const hour = 3_600_000;

describe("P7, M4: time without entries ends nothing", () => {
  test("an hour without a leader: no lease, retry, session or receive ends", async () => {
    const story = new Story();
    await story.queue("q", { leaseMs: 30_000 });
    const session = await story.session("q", 2, 30_000);
    await story.put("q", "a");
    const grant = only(story.grants);
    await story.put("q", "b");
    await story.nack(only(story.grants), 5000);
    const receive = {
      kind: "receive",
      queue: "q",
      maxMessages: 1,
      maxWaitMs: 5000,
      leaseMs: 0,
    } as const;
    await story.entry([[story.next(session), receive]]);
    await story.pass(hour, hour);
    expect(story.grants).toEqual([]);
    expect(story.effects).toEqual({ grants: [], completions: [], endedSessions: [], events: [] });
    expect(story.machine.queueInfo("q")).toMatchObject({ leased: 1, retrying: 1 });
    expect(await story.ack(grant)).toEqual({ kind: "settled", already: false });
  });

  test("a jump counts as two seconds, in both directions as one entry", async () => {
    const story = new Story();
    await story.queue("q", { leaseMs: 10_000 });
    await story.session("q");
    await story.put("q", "a");
    const clock = story.machine.state.leaseClock;
    await story.pass(hour, hour);
    expect(story.machine.state.leaseClock).toBe(clock + leaseClockStepMaxMs);
    story.time -= 2 * hour;
    await story.pass(1);
    expect(story.machine.state.leaseClock).toBe(clock + leaseClockStepMaxMs + 1);
  });

  test("leases do end when entries come", async () => {
    const story = new Story();
    await story.queue("q", { leaseMs: 10_000 });
    await story.session("q");
    await story.put("q", "a");
    expect(await story.pass(9900)).toEqual([]);
    expect(only(await story.pass(200)).redelivery).toBe("lease-expired");
  });

  test("a restart changes no lease, no counter, and the time it has left", async () => {
    const story = new Story();
    await story.queue("q", { leaseMs: 10_000 });
    const session = await story.session("q");
    await story.put("q", "a");
    await story.pass(4000);
    const before = story.machine.liveGrants(session);
    const deadline = story.machine.nextDeadline();
    await story.restart();
    expect(story.machine.liveGrants(session)).toEqual(before);
    expect(story.machine.nextDeadline()).toBe(deadline);
  });
});

describe("P9, M3: cluster time", () => {
  test("grows with every entry, also when the leader's clock goes back", async () => {
    const replica = Replica.empty();
    const times = [];
    for (const [at, stamp] of [5000, 5000, 100, 5001.7, 9000].entries()) {
      await replica.apply(payloadOf([[nobody, { kind: "tick" }]], stamp), at + 1);
      times.push(replica.machine.clusterTime);
    }
    expect(times).toEqual([5000, 5001, 5002, 5003, 9000]);
  });

  test("a stamp that is not a time stops the node", async () => {
    const replica = Replica.empty();
    await expect(replica.apply(payloadOf([], NaN), 1)).rejects.toThrow("not a time");
  });
});

test("nextDeadline: how long a leader may sleep", async () => {
  const story = new Story();
  await story.queue("q", { leaseMs: 5000 });
  expect(story.machine.nextDeadline()).toBeUndefined();
  await story.session("q", 1, 60_000);
  expect(story.machine.nextDeadline()).toBeGreaterThan(59_000);
  await story.put("q", "a");
  const sleep = story.machine.nextDeadline()!;
  expect(sleep).toBeGreaterThanOrEqual(5000);
  expect(sleep).toBeLessThanOrEqual(5016);
  await story.ack(only(story.grants));
  expect(story.machine.nextDeadline()).toBeGreaterThan(59_000);
});

// Messages that wait for their time (delay.ts I1, I2).

import { describe, expect, test } from "vitest";
import { standardRules, type Command, type MessageExtras } from "../../queue/index.ts";
import { extraMessage, nobody, only, places, Replica, Story } from "./harness.ts";

const tight = { lanesResidentMax: 0, agendaRowsMax: 1 };

function put(key: string, extras: Partial<MessageExtras>): Command {
  return { kind: "enqueue", queue: "q", message: extraMessage(key, extras) };
}

describe("I1: without order", () => {
  for (const restart of [false, true]) {
    test(`what is due is granted, in the order of enqueueing${restart ? ", after a restart" : ""}`, async () => {
      const story = new Story(Replica.empty(tight));
      await story.queue("q", { ordering: "none" });
      await story.session("q");
      for (const delayMs of [3000, 2000, 2000]) await story.putWith("q", "", { delayMs });
      await story.put("q", "");
      expect(places(story.grants)).toEqual(["/1"]);
      expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 3, ready: 0, leased: 1 });
      if (restart) await story.restart(tight);
      expect(story.machine.nextDeadline()).toBeLessThanOrEqual(2000);
      const delayed = 16 * 2 ** 48;
      expect(places(await story.pass(2000, 500))).toEqual([`/${delayed + 2}`, `/${delayed + 3}`]);
      expect(places(await story.pass(1000, 500))).toEqual([`/${delayed + 1}`]);
      expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 0, leased: 4 });
      const last = only(story.grants);
      expect(last).toMatchObject({ deliveries: 1, attempts: 0, redelivery: "" });
      if (restart) await story.restart(tight);
      await story.nack(last, 0);
      expect(places(story.grants)).toEqual([`/${delayed + 1}`]);
      await story.ack(only(story.grants));
      expect(story.machine.queueInfo("q")).toMatchObject({ acked: 1, leased: 3 });
    });
  }

  test("what has woken and waits for a taker survives a restart; its priority counts", async () => {
    const story = new Story();
    await story.queue("q", { ordering: "none" });
    await story.putWith("q", "", { delayMs: 100 });
    await story.putWith("q", "", { delayMs: 100, priority: 3 });
    await story.put("q", "");
    await story.pass(200, 100);
    expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 0, ready: 3 });
    await story.restart();
    await story.session("q");
    expect(places(story.grants)).toEqual([`/${19 * 2 ** 48 + 1}`, "/1", `/${16 * 2 ** 48 + 1}`]);
  });

  test("costs no memory: nothing but the agenda's rows, and these within their bound", async () => {
    const rules = { ...standardRules, dueRowsPerEntryMax: 4 };
    const story = new Story(Replica.empty({ lanesResidentMax: 0, agendaRowsMax: 4 }, rules));
    await story.queue("q", { ordering: "none" });
    const message = extraMessage("", { delayMs: 5000 });
    await story.call({ kind: "enqueue-batch", queue: "q", messages: Array(50).fill(message) });
    const { state } = story.machine;
    expect(state.agenda.size).toBeLessThanOrEqual(8);
    expect([...state.queues.get("q")!.lanes.values()].map(({ flights }) => flights)).toEqual([0]);
    await story.restart({ lanesResidentMax: 0, agendaRowsMax: 4 });
    await story.session("q", 100);
    const grants = await story.pass(5100, 5000);
    expect(grants).toHaveLength(8);
    expect(story.machine.nextDeadline()).toBe(0);
    expect(await story.pass(11, 1)).toHaveLength(42);
    expect(story.machine.nextDeadline()).toBeGreaterThan(0);
  });
});

describe("I2: where there is an order", () => {
  test("REJECT: refused, whatever the time", async () => {
    const story = new Story();
    await story.queue("q");
    for (const [extras, field] of [
      [{ notBefore: 1 }, "not_before_ms"],
      [{ delayMs: 1 }, "delay_ms"],
    ] as const) {
      const refusal = await story.refusal(put("a", extras));
      expect(refusal).toMatchObject({ reason: "DELAY_NOT_ALLOWED", field });
    }
  });

  for (const restart of [false, true]) {
    test(`BLOCK_KEY: it and what is behind it waits${restart ? ", after a restart" : ""}`, async () => {
      const story = new Story(Replica.empty(tight));
      await story.queue("q", { orderedDelay: "block-key", maxInFlightPerKey: 3 });
      await story.session("q");
      await story.put("q", "a");
      await story.putWith("q", "a", { delayMs: 1000 });
      await story.put("q", "a");
      await story.putWith("q", "a", { delayMs: 3000 });
      if (restart) await story.restart(tight);
      await story.put("q", "b");
      expect(places(story.grants)).toEqual(["b/1"]);
      expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 2, ready: 1, leased: 2 });
      expect(places(await story.pass(1000, 250))).toEqual(["a/2", "a/3"]);
      await story.ack(story.grants[0]!);
      expect(story.grants).toEqual([]);
      expect(places(await story.pass(2000, 500))).toEqual(["a/4"]);
      expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 0 });
    });
  }

  test("one whose time has come already waits for nothing", async () => {
    const story = new Story();
    await story.queue("q", { orderedDelay: "block-key" });
    await story.session("q");
    await story.putWith("q", "a", { notBefore: 5 });
    expect(places(story.grants)).toEqual(["a/1"]);
  });

  test("at most so many places of one key: TOO_MANY_IN_FLIGHT, within a batch too", async () => {
    const story = new Story(Replica.empty(tight, { ...standardRules, spansPerLaneMax: 2 }));
    await story.queue("q", { orderedDelay: "block-key" });
    const [late, plain] = [extraMessage("a", { delayMs: 9000 }), extraMessage("a", {})];
    const batch = (messages: (typeof late)[]): Command => {
      return { kind: "enqueue-batch", queue: "q", messages };
    };
    const refusal = await story.refusal(batch([late, plain, late, plain, late]));
    expect(refusal).toMatchObject({ reason: "TOO_MANY_IN_FLIGHT", field: "messages[4].key" });
    await story.call(batch([late, late, plain, late, late]));
    expect((await story.refusal(batch([plain, late]))).reason).toBe("TOO_MANY_IN_FLIGHT");
    await story.call(batch([late]));
    expect(story.machine.queueInfo("q")).toMatchObject({ delayed: 5, ready: 1 });
  });
});

test("at most 366 days ahead", async () => {
  const story = new Story();
  await story.queue("q", { ordering: "none" });
  const tooMuch = 366 * 24 * 3_600_000 + 1;
  const far = { delayMs: tooMuch };
  expect(await story.refusal(put("", far))).toMatchObject({ field: "delay_ms" });
  const late = { notBefore: story.time + 1 + tooMuch };
  expect(await story.refusal(put("", late))).toMatchObject({
    ...{ reason: "MALFORMED", field: "not_before_ms" },
  });
});

test("the row of a message that is gone is nobody's", async () => {
  const story = new Story();
  await story.queue("q", { ordering: "none" });
  await story.putWith("q", "", { delayMs: 1000 });
  await story.entry([[nobody, { kind: "delete-queue", name: "q", revision: 0, ifEmpty: false }]]);
  await story.pass(2000);
  await story.replica.flush();
  expect((await story.replica.image()).map(({ key }) => key.charCodeAt(0))).toEqual([1]);
});

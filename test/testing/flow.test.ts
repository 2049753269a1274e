// When virtual time moves (testing/flow.ts W1-W3).

import { describe, expect, test } from "vitest";
import { Flow, type Programs } from "../../testing/flow.ts";
import { Time } from "../../testing/time.ts";

const idle: Programs = { isUnanswered: false, isAwaited: false, inHand: [] };

describe("a flow", () => {
  test("W1: who waited goes on before the next event", async () => {
    const time = new Time();
    const flow = new Flow(time, idle, 0, () => undefined);
    const order: string[] = [];
    const other = flow.until(() => order.length === 9, 10);
    let isFirst = false;
    time.after(1, undefined, () => {
      isFirst = true;
      order.push("first");
    });
    time.after(1, undefined, () => order.push("second"));
    await flow.until(() => isFirst, 10);
    order.push("waited");
    await flow.until(() => order.includes("second"), 10);
    expect(order).toEqual(["first", "waited", "second"]);
    expect(time.now).toBe(1);
    expect(await other).toBe(false);
  });

  test("W1: a client that waits moves time, until it is answered", async () => {
    const time = new Time();
    const programs = { ...idle, isUnanswered: true };
    const flow = new Flow(time, programs, 0, () => undefined);
    let came = 0;
    const every = (): void => {
      came += 1;
      if (came === 3) programs.isUnanswered = false;
      time.after(1, undefined, every);
    };
    time.after(1, undefined, every);
    flow.woken();
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([came, time.now]).toEqual([3, 3]);
  });

  test("a bound that passes is told, and asked about nothing more", async () => {
    const time = new Time();
    const flow = new Flow(time, idle, 0, () => undefined);
    let asked = 0;
    const never = (): boolean => (asked += 1) < 0;
    expect(await flow.until(never, 50)).toBe(false);
    expect(time.now).toBe(50);
    const before = asked;
    await flow.until(() => time.now >= 60, 10);
    expect(asked).toBe(before);
  });

  test("an error of the world is told to everybody who waits, and to whoever waits later", async () => {
    const time = new Time();
    const flow = new Flow(time, idle, 0, () => {
      throw new Error("the world is broken");
    });
    const never = (): boolean => false;
    const waits = [flow.until(never, 10), flow.until(never, 20)];
    for (const wait of waits) await expect(wait).rejects.toThrow("the world is broken");
    await expect(flow.until(() => true, 1)).rejects.toThrow("the world is broken");
  });

  test("an error of the world that nobody waits for ends the process, as any uncaught one does", async () => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
      const time = new Time();
      time.after(1, undefined, () => {
        throw new Error("the world is broken");
      });
      new Flow(time, { ...idle, isUnanswered: true }, 0, () => undefined);
      expect(await uncaught).toMatchObject({ message: "the world is broken" });
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

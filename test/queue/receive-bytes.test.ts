// R11: what one call causes to be read and sent has a bound in bytes.

import { expect, test } from "vitest";
import { only, Story } from "./harness.ts";

async function received(bodies: readonly number[]): Promise<number[]> {
  const story = new Story();
  await story.queue("q", { maxMessageBytes: 4 * 1024 * 1024 });
  for (const [key, megabytes] of bodies.entries()) {
    await story.put("q", `k${key}`, "x".repeat(megabytes * 1024 * 1024));
  }
  const session = await story.session();
  const counts: number[] = [];
  for (let left = bodies.length; left > 0;) {
    const reply = await story.in(session, {
      kind: "receive",
      queue: "q",
      maxMessages: 1_000,
      maxWaitMs: 0,
      leaseMs: 0,
    });
    if (reply.kind !== "received" || reply.grants.length === 0) throw new Error("nothing came");
    counts.push(reply.grants.length);
    left -= reply.grants.length;
  }
  return counts;
}

test("a receive of many large messages takes what fits into 4 MiB; the others come next time", async () => {
  expect(await received([1, 1, 1, 1, 1, 1])).toEqual([4, 2]);
});

test("one message always fits", async () => {
  expect(await received([4, 4])).toEqual([1, 1]);
  expect(only(await received([3]))).toBe(1);
});

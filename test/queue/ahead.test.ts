// Whether producers are ahead of a queue's consumers, which holds them (node/pacing.ts).

import { expect, test } from "vitest";
import type { Command } from "../../queue/index.ts";
import { Story } from "./harness.ts";

function subscribe(credit: number, keys: readonly string[] = []): Command {
  return { kind: "subscribe", consumer: 1, queue: "q", credit, leaseMs: 0, creditBytes: 0, keys };
}

test("a queue is ahead when its consumers hold all that they have credit for, and a key is ready", async () => {
  const story = new Story();
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
  await story.queue("q");
  await story.put("q", "a");
  // Nobody consumes: nobody would get more if producers waited.
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
  const session = await story.session();
  await story.in(session, subscribe(1));
  // What waits behind the lease of its own key is not ready.
  await story.put("q", "a");
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
  await story.put("q", "b");
  expect(story.machine.leasesWhenAhead("q")).toBe(1);
  await story.in(session, subscribe(2));
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
  await story.put("q", "c");
  expect(story.machine.leasesWhenAhead("q")).toBe(2);
  await story.restart();
  expect(story.machine.leasesWhenAhead("q")).toBe(2);
});

test("not while one who wants some keys only has credit left, and not while the queue is paused", async () => {
  const story = new Story();
  await story.queue("q");
  const [all, some] = [await story.session(), await story.session()];
  await story.in(all, subscribe(1));
  await story.in(some, subscribe(1, ["z"]));
  await story.put("q", "a");
  await story.put("q", "b");
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
  await story.put("q", "z");
  expect(story.machine.leasesWhenAhead("q")).toBe(2);
  await story.call({ kind: "update-queue", name: "q", revision: 0, changes: { paused: true } });
  expect(story.machine.leasesWhenAhead("q")).toBe(0);
});

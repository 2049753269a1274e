import { expect, test } from "vitest";
import { Channels } from "../../client/channels.ts";
import type { Channel } from "../../client/channel.ts";
import { LeaderFinder } from "../../client/leader.ts";
import { callLeader } from "../../client/unary.ts";

test("a node that says nothing leaves time for the others, however short the timeout is (H5)", async () => {
  let now = 0;
  const clock = {
    now: () => now,
    after: (ms: number, run: () => void) => {
      now += ms;
      queueMicrotask(run);
      return { cancel: () => undefined };
    },
    soon: (run: () => void) => queueMicrotask(run),
  };
  const tries: [string, number][] = [];
  const dial = (endpoint: string): Channel => ({
    endpoint,
    unary: (_method, _request, deadlineMs) => {
      tries.push([endpoint, deadlineMs]);
      if (endpoint === "leads:1") return Promise.resolve({ sessionId: "s" });
      now += deadlineMs;
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- Channel.unary rejects with a Failure
      return Promise.reject({ code: 4, message: "Deadline exceeded", error: undefined });
    },
    connect: () => {
      throw new Error("not asked for");
    },
    close: () => undefined,
  });
  const ask = (endpoints: readonly string[], timeoutMs: number): Promise<unknown> => {
    tries.length = 0;
    const parts = {
      channels: new Channels(dial),
      leader: new LeaderFinder(endpoints, clock),
      ...{ clock, random: () => 0.5, timeoutMs, closed: new AbortController().signal },
      unanswered: { count: 0 },
    };
    return callLeader(parts, "OpenSession", {});
  };
  await expect(ask(["dark:1", "leads:1"], 2_000)).resolves.toMatchObject({
    reply: { sessionId: "s" },
  });
  expect(tries).toEqual([
    ["dark:1", 1_000],
    ["leads:1", 500],
  ]);
  // A long timeout is not cut up: one try has two seconds.
  await ask(["dark:1", "leads:1"], 30_000);
  expect(tries[0]).toEqual(["dark:1", 2_000]);
  // With nobody else to ask, the only one gets everything.
  await ask(["leads:1"], 1_500);
  expect(tries).toEqual([["leads:1", 1_500]]);
});

import { expect, test } from "vitest";
import type { Calls } from "../../../jepsen-like/workloads/calls.ts";
import { catalogue } from "../../../jepsen-like/workloads/catalogue.ts";
import { lookAtAll } from "../../../jepsen-like/workloads/ends.ts";

// Looked at before the others, it proves nothing: a letter may have come since, and one that is lost is only "not looked at" (Q1).
test("at the end a dead-letter queue is looked at after those whose letters it gets", async () => {
  const queues = catalogue.flatMap((workload) => workload.queues);
  const browsed: string[] = [];
  const calls = {
    getQueue: () => Promise.resolve({ type: "ok", value: {} }),
    browse: (queue: string) => {
      browsed.push(queue);
      return Promise.resolve({ type: "ok", value: 0 });
    },
  } as unknown as Calls;
  expect(await lookAtAll(calls, queues, new AbortController().signal)).toEqual([]);
  expect(browsed.toSorted()).toEqual(queues.map(({ declared }) => declared.name).toSorted());
  const withLetters = queues.filter(({ declared }) => declared.deadLetterQueue !== "");
  expect(withLetters.length).toBeGreaterThan(0);
  for (const { declared } of withLetters)
    expect(browsed.indexOf(declared.deadLetterQueue)).toBeGreaterThan(
      browsed.indexOf(declared.name),
    );
});

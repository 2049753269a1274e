import { describe, expect, test } from "vitest";
import { castOf } from "../../../jepsen-like/workloads/cast.ts";
import { catalogue, workloadsNamed } from "../../../jepsen-like/workloads/catalogue.ts";

describe("the workloads", () => {
  test("have names and queues of their own, and a sentence about them", () => {
    const names = catalogue.map(({ name }) => name);
    const queues = catalogue.flatMap((workload) =>
      workload.queues.map(({ declared }) => declared.name),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(queues).size).toBe(queues.length);
    for (const { what } of catalogue) expect(what).not.toBe("");
  });

  test("create a dead-letter queue before the queue that names it, and tell checks and cluster the same", () => {
    for (const { name, queues } of catalogue) {
      const created = new Set([""]);
      for (const { declared, options } of queues) {
        expect(created).toContain(declared.deadLetterQueue);
        created.add(declared.name);
        const { workload, deadLetterQueue, ordering, leaseMs, maxAttempts, onExhausted } = declared;
        expect(workload).toBe(name);
        expect(options).toMatchObject({ ordering, leaseMs, maxAttempts, onExhausted });
        expect(options.deadLetterQueue ?? "").toBe(deadLetterQueue);
      }
    }
  });

  test("are found by name, and what is not there is named with what is", () => {
    expect(workloadsNamed(["fifo", "ledger"]).map(({ name }) => name)).toEqual(["fifo", "ledger"]);
    expect(() => workloadsNamed(["fifo", "lifo"])).toThrow(
      /no workload "lifo"; there are: ledger, fifo, .*mixed/,
    );
  });
});

describe("who plays what", () => {
  test.each([1, 2, 4, 7])(
    "with %i processes each role is played, and the steps are shared out",
    (processes) => {
      const casts = castOf(catalogue, processes, 300);
      expect(casts).toHaveLength(processes);
      for (const { name, roles } of catalogue) {
        const rates = roles.map(({ name: role, runsIn }) => {
          const parts = casts.flatMap((cast) =>
            cast.filter((part) => part.workload === name && part.role === role),
          );
          expect(parts).toHaveLength(runsIn === "one" ? 1 : processes);
          return parts.reduce((sum, { rate }) => sum + rate, 0);
        });
        for (const rate of rates) expect(rate).toBeCloseTo(rates[0]!);
      }
    },
  );

  test("all steps together make the calls that were asked for", () => {
    const casts = castOf(catalogue, 1, 300).flat();
    const calls = catalogue.reduce((sum, { name, callsPerStep }) => {
      return sum + callsPerStep * casts.find(({ workload }) => workload === name)!.rate;
    }, 0);
    expect(calls).toBeCloseTo(300);
  });
});

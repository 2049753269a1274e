import { describe, expect, test } from "vitest";
import type { Calls, Held } from "../../../jepsen-like/workloads/calls.ts";
import { every, pause, poll, stream } from "../../../jepsen-like/workloads/pacing.ts";

const often = 100_000;

describe("a pause", () => {
  test("ends at its time, or earlier with its signal", async () => {
    const ends = new AbortController();
    expect(await pause(1, ends.signal)).toBe(true);
    const long = pause(3_600_000, ends.signal);
    ends.abort();
    expect(await long).toBe(false);
    expect(await pause(1, ends.signal)).toBe(false);
  });
});

describe("steps", () => {
  test("overlap, but never more of them than are allowed, and are waited for at the end", async () => {
    const ends = new AbortController();
    let [begun, running, most] = [0, 0, 0];
    await every(
      often,
      ends.signal,
      async () => {
        begun += 1;
        most = Math.max(most, ++running);
        if (begun === 20) ends.abort();
        await new Promise((resolve) => setTimeout(resolve, 1));
        running -= 1;
      },
      3,
    );
    expect({ begun, most, running }).toEqual({ begun: 20, most: 3, running: 0 });
  });

  test("are not made when it is over already", async () => {
    await every(often, AbortSignal.abort(), () => Promise.reject(new Error("made")));
  });
});

describe("polling", () => {
  test("asks again at once while something comes, one receive at a time, and uses all of it", async () => {
    const ends = new AbortController();
    const answers = [["a", "b"], ["c"], []];
    const used: unknown[] = [];
    // Once in an hour: if it did not go on at once it would not end.
    await poll(
      1 / 3_600,
      ends.signal,
      () => {
        const held = answers.shift();
        if (answers.length === 0) setImmediate(() => ends.abort());
        return Promise.resolve({ type: "ok", value: (held ?? []) as unknown as Held[] });
      },
      (held) => Promise.resolve(used.push(held)),
    );
    expect(used).toEqual(["a", "b", "c"]);
  });

  test("goes on after a failure", async () => {
    const ends = new AbortController();
    let asked = 0;
    await poll(
      often,
      ends.signal,
      () => {
        if (++asked === 3) ends.abort();
        return Promise.resolve({ type: "unknown", reason: "TIMEOUT" });
      },
      () => Promise.resolve(),
    );
    expect(asked).toBe(3);
  });
});

describe("a stream", () => {
  test("is begun anew when it breaks, and what it brought is finished at the end", async () => {
    const ends = new AbortController();
    const complaints: unknown[] = [];
    const finished: unknown[] = [];
    let streams = 0;
    const calls = {
      queue: () => ({
        receive: async function* () {
          streams += 1;
          yield `${streams}`;
          if (streams === 1) throw new Error("broken");
          ends.abort();
          await Promise.resolve();
        },
      }),
      taken: (delivery: unknown) => delivery,
      streamEnded: (queue: string, error: Error) => complaints.push([queue, error.message]),
    };
    await stream(calls as unknown as Calls, "q", 1, ends.signal, async (held) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      finished.push(held);
    });
    expect(finished).toEqual(["1", "2"]);
    expect(complaints).toEqual([["q", "broken"]]);
  });
});

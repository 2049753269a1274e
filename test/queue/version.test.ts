// G5, R8: the version of the rules is part of the replicated state.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkpointEvery,
  decodeEntry,
  NewerRules,
  rulesVersionMax,
  standardRules,
} from "../../queue/index.ts";
import { EntryWriter } from "./entry-writer.ts";
import { defaultLimits, Loader, metaRow, type Rules } from "../../queue/index.ts";
import { message, nobody, payloadOf, Replica, Story, type Call } from "./harness.ts";
import { History } from "./history/history.ts";
import { moves } from "./history/steps.ts";

const fresh = (rules?: Rules): Replica => Replica.empty(defaultLimits, rules, 0);
const raise = (version: number): Call => [nobody, { kind: "raise-version", version }];

/** A release after this one: it knows one version more, and batches only from that on. */
const nextRelease: Rules = {
  ...standardRules,
  versionMax: rulesVersionMax + 1,
  commandsSince: { "enqueue-batch": rulesVersionMax + 1 },
};

const batch = { kind: "enqueue-batch", queue: "q", messages: [message("k")] } as const;

describe("M6: the log says which rules apply", () => {
  test("a fresh state has version 0; a raise moves it up and never down", async () => {
    const story = new Story(fresh());
    expect(story.machine.version).toBe(0);
    await story.entry([raise(1)]);
    expect(story.machine.version).toBe(1);
    await story.entry([raise(0)]);
    expect(story.machine.version).toBe(1);
  });

  test("R9: nodes of which one was not raised have different digests", async () => {
    const [raised, left] = [new Story(fresh()), new Story(fresh())];
    await raised.entry([raise(1)]);
    await left.entry([raise(0)]);
    expect(raised.machine.digest).not.toBe(left.machine.digest);
  });

  test("a command of a later version is refused with VERSION_TOO_OLD, also on a retry, until the raise", async () => {
    const story = new Story(fresh(nextRelease));
    await story.queue("q", { ordering: "none" });
    await story.entry([raise(rulesVersionMax)]);
    const session = await story.session();
    const origin = story.next(session);
    const refusal = await story.refusal(batch, origin);
    expect(refusal).toMatchObject({ reason: "VERSION_TOO_OLD", retryAfterMs: 0 });
    expect(refusal.message).toContain("upgrade every member");
    await story.entry([raise(nextRelease.versionMax)]);
    // P6: the first answer stays the answer.
    expect(await story.refusal(batch, origin)).toEqual(refusal);
    expect((await story.in(session, batch)).kind).toBe("batch-enqueued");
    expect(story.machine.queueInfo("q")).toMatchObject({ enqueued: 1 });
  });

  test("the store keeps the version; at version 0 its rows are those of releases before versions", async () => {
    const story = new Story(fresh());
    await story.pass(1);
    await story.replica.flush();
    const format = async (): Promise<unknown> =>
      (await story.replica.store.getMany([metaRow]))[0]?.slice(0, 2);
    expect(await format()).toEqual(Uint8Array.of(0, 1));
    await story.entry([raise(1)]);
    await story.restart();
    expect(story.machine.version).toBe(1);
    expect(await format()).toEqual(Uint8Array.of(0, 2));
  });
});

test("M7: the digests of the last eight multiples of 1,024 are kept, of skipped entries too", () => {
  const { machine } = fresh();
  const digests = new Map<number, string>();
  for (let index = 1; index <= 10 * checkpointEvery; index += 1) {
    if (index % 3 === 0) machine.skip(index);
    else {
      machine.begin({ index, time: index });
      machine.end();
    }
    digests.set(index, machine.digest);
  }
  expect(machine.checkpoints).toEqual(
    [3, 4, 5, 6, 7, 8, 9, 10].map((n) => ({
      index: n * checkpointEvery,
      digest: digests.get(n * checkpointEvery),
    })),
  );
});

describe("a release stops at what it does not know, and says who wrote it", () => {
  test("a raise to an unknown version", async () => {
    const story = new Story(fresh());
    await expect(story.entry([raise(rulesVersionMax + 1)])).rejects.toThrow(NewerRules);
    const said = `version ${rulesVersionMax + 1}.*later release.*up to version ${rulesVersionMax}`;
    await expect(new Story(fresh()).entry([raise(rulesVersionMax + 1)])).rejects.toThrow(
      RegExp(said),
    );
  });

  test("rows, and so a snapshot, of an unknown version", async () => {
    const story = new Story(fresh(nextRelease));
    await story.entry([raise(nextRelease.versionMax)]);
    await story.replica.flush();
    const [meta] = await story.replica.store.getMany([metaRow]);
    expect(() => new Loader().row(metaRow, meta!)).toThrow(NewerRules);
    expect(() => new Loader(defaultLimits, nextRelease).row(metaRow, meta!)).not.toThrow();
    const unknownFormat = Uint8Array.from(meta!);
    unknownFormat[1] = 3;
    expect(() => new Loader(defaultLimits, nextRelease).row(metaRow, unknownFormat)).toThrow(
      "rows of format 3",
    );
  });

  test("a kind of command, and a format of entries", () => {
    const writer = new EntryWriter();
    writer.add(nobody, { kind: "tick" });
    const entry = writer.finish(1);
    const kindAt = entry.length - 4;
    expect(entry[kindAt]).toBe(15);
    entry[kindAt] = 99;
    expect(() => decodeEntry(entry)).toThrow(NewerRules);
    entry[0] = 9;
    expect(() => decodeEntry(entry)).toThrow("a log entry of format 9");
  });
});

test("R8, E6: with a raise at any point, replicas agree: by replay, and from a snapshot before or after it", async () => {
  await fc.assert(
    fc.asyncProperty(moves(40), fc.nat(45), fc.nat(45), async (list, raiseAt, snapshotAt) => {
      const replica = fresh(nextRelease);
      const history = new History();
      const log: Uint8Array[] = [];
      const entry = async (calls: readonly Call[], ms: number): Promise<void> => {
        history.time += ms;
        const all = log.length === raiseAt ? [raise(nextRelease.versionMax), ...calls] : calls;
        log.push(payloadOf(all, history.time));
        const { answers, effects } = await replica.apply(log.at(-1)!, ++history.index);
        history.learn({ answers: answers.slice(all.length - calls.length), effects }, calls);
      };
      await entry(history.opening(), 1);
      for (const { steps, ms } of history.entries(list)) await entry(history.calls(steps), ms);

      let other = fresh(nextRelease);
      for (const [at, payload] of log.entries()) {
        await other.apply(payload, at + 1);
        if (at !== snapshotAt) continue;
        await other.flush();
        other = await other.restored();
      }
      expect(other.machine.version).toBe(raiseAt < log.length ? nextRelease.versionMax : 0);
      expect(other.machine.digest).toBe(replica.machine.digest);
      await Promise.all([replica.flush(), other.flush()]);
      // Not row by row: how messages are cut into runs depends on when each replica wrote (MS2).
      expect(await other.stored()).toEqual(await replica.stored());
    }),
    { numRuns: 100 },
  );
}, 60_000);

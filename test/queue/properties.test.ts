// Properties over lists of commands. RUNS=5000 npx vitest run test/queue/properties.test.ts for a longer look.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messagePrefix, messageRow } from "../../queue/keys.ts";
import { payloadOf, Replica, text, type Call, type Outcome } from "./harness.ts";
import { History, moves, queueNames, type Move } from "./history.ts";
import { Model } from "./model.ts";

const numRuns = Number(process.env.RUNS ?? 300);
const timeout = 60_000 + numRuns * 100;

/** Runs one history, entry by entry. */
async function run(
  list: readonly Move[],
  apply: (
    payload: Uint8Array,
    index: number,
    calls: readonly Call[],
    stamp: number,
  ) => Promise<Outcome>,
): Promise<void> {
  const history = new History();
  const entry = async (calls: readonly Call[], ms: number): Promise<void> => {
    history.time += ms;
    const payload = payloadOf(calls, history.time);
    history.learn(await apply(payload, ++history.index, calls, history.time));
  };
  await entry(history.opening(), 1);
  for (const { steps, ms } of history.entries(list)) await entry(history.calls(steps), ms);
}

describe("whatever is asked, in whatever order", () => {
  test(
    "P1-P8 hold: what happens is allowed, what must happen does, nothing is lost",
    async () => {
      await fc.assert(
        fc.asyncProperty(moves(120), async (list) => {
          const replica = Replica.empty();
          const model = new Model();
          await run(list, async (payload, index, calls, stamp) => {
            const outcome = await replica.apply(payload, index);
            model.entry(index, stamp, calls, outcome.answers, outcome.effects);
            for (const name of queueNames) model.compare(replica.machine.queueInfo(name), name);
            expect(model.faults).toEqual([]);
            return outcome;
          });
          await everyMessageIsThere(model, replica);
          await replica.flush();
          await everyMessageIsThere(model, replica);
        }),
        { numRuns },
      );
    },
    timeout,
  );
});

/** P8, X1: every message that was not settled lies where it should, with its body and its reason; and no other does. */
async function everyMessageIsThere(model: Model, replica: Replica): Promise<void> {
  let count = 0;
  for (const queue of model.queues.values()) {
    const wanted = [...queue.lanes].flatMap(([name, { count: ever, messages }]) =>
      Array.from({ length: ever }, (_, at) => ({
        row: messageRow(messagePrefix(queue.id), name, at + 1),
        one: messages.find(({ keySeq }) => keySeq === at + 1),
      })),
    );
    for (const { row, one } of wanted) {
      const stored = await replica.message(row);
      expect(stored !== undefined, row).toBe(one !== undefined);
      if (stored === undefined || one === undefined) continue;
      count++;
      const letter = stored.deadLetter;
      const { cause, attempts, error, queue: from } = letter ?? {};
      expect(text(stored.content)).toBe(one.body);
      expect(stored.key).toBe(one.key);
      expect(letter === undefined ? "" : `${cause} ${attempts} ${error} ${from}`).toBe(one.letter);
    }
  }
  if (replica.machine.writeBehindBytes > 0) return;
  const image = await replica.image();
  expect(image.filter((row) => row.key.startsWith("\x40"))).toHaveLength(count);
}

/** What a replica does besides applying: when it stores, when it dies, how much memory it has for idle lanes. */
interface Habit {
  readonly lanesResidentMax: number;
  /** One for each entry, over and over. */
  readonly after: readonly ("nothing" | "flush" | "take" | "crash" | "restart")[];
}

const habit: fc.Arbitrary<Habit> = fc.record({
  lanesResidentMax: fc.constantFrom(0, 1, 1000),
  after: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant("nothing" as const) },
      { weight: 4, arbitrary: fc.constant("flush" as const) },
      { weight: 2, arbitrary: fc.constant("take" as const) },
      { weight: 1, arbitrary: fc.constant("crash" as const) },
      { weight: 2, arbitrary: fc.constant("restart" as const) },
    ),
    { minLength: 1, maxLength: 12 },
  ),
});

/** A replica with habits: batches stay out for a while, a crash loses what was not stored and replays the log. */
class Habitual {
  replica: Replica;
  private out = false;
  private readonly log: Uint8Array[] = [];
  private readonly habit: Habit;

  constructor(habit: Habit) {
    this.habit = habit;
    this.replica = Replica.empty({ lanesResidentMax: habit.lanesResidentMax });
  }

  async apply(payload: Uint8Array, index: number): Promise<Outcome> {
    this.log.push(payload);
    const outcome = await this.replica.apply(payload, index);
    const { after } = this.habit;
    await this.then(after[index % after.length] ?? "nothing");
    return outcome;
  }

  async flush(): Promise<void> {
    this.stored();
    await this.replica.flush();
  }

  private stored(): void {
    if (this.out) this.replica.machine.writesStored();
    this.out = false;
  }

  private async then(what: Habit["after"][number]): Promise<void> {
    switch (what) {
      case "nothing": {
        this.stored();
        return;
      }
      case "flush":
        return this.flush();
      case "take":
        this.stored();
        await this.replica.store.write(this.replica.machine.takeWrites());
        this.out = true;
        return;
      case "restart":
        await this.flush();
        this.replica = await this.replica.restored();
        return;
      case "crash":
        this.out = false;
        this.replica = await this.replica.restored();
        for (let i = this.replica.machine.appliedIndex; i < this.log.length; i++) {
          await this.replica.apply(this.log[i]!, i + 1);
        }
        return;
    }
  }
}

describe("R9, E6, G1: replicas that store, stop and start at different moments", () => {
  test(
    "agree in every answer, effect, digest, and in the end in every row",
    async () => {
      await fc.assert(
        fc.asyncProperty(moves(80), habit, habit, async (list, one, two) => {
          const plain = Replica.empty();
          const others = [new Habitual(one), new Habitual(two)];
          await run(list, async (payload, index) => {
            const outcome = await plain.apply(payload, index);
            for (const other of others) {
              expect(await other.apply(payload, index)).toEqual(outcome);
              expect(other.replica.machine.digest).toBe(plain.machine.digest);
              expect(other.replica.machine.listQueues()).toEqual(plain.machine.listQueues());
              for (const id of [1, 2, 3]) {
                expect(other.replica.machine.liveGrants(id)).toEqual(plain.machine.liveGrants(id));
                expect(other.replica.machine.sessionInfo(id)).toEqual(
                  plain.machine.sessionInfo(id),
                );
              }
            }
            return outcome;
          });
          await plain.flush();
          const image = await plain.image();
          for (const other of others) {
            await other.flush();
            expect(await other.replica.image()).toEqual(image);
          }
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    "L6: leaving idle lanes out of memory changes nothing but what is read",
    async () => {
      let reads = 0;
      await fc.assert(
        fc.asyncProperty(moves(80), async (list) => {
          const roomy = Replica.empty();
          const tight = new Habitual({ lanesResidentMax: 0, after: ["flush"] });
          await run(list, async (payload, index) => {
            const outcome = await roomy.apply(payload, index);
            expect(await tight.apply(payload, index)).toEqual(outcome);
            expect(tight.replica.machine.digest).toBe(roomy.machine.digest);
            return outcome;
          });
          expect(roomy.reads).toBe(0);
          for (const { lanes } of tight.replica.machine.state.queues.values()) {
            for (const lane of lanes.values()) expect(lane.messages > 0 || lane.dirty).toBe(true);
          }
          reads += tight.replica.reads;
        }),
        { numRuns: Math.ceil(numRuns / 3) },
      );
      expect(reads).toBeGreaterThan(0);
    },
    timeout,
  );
});

test("the random histories are worth running: everything happens in them", async () => {
  const seen = new Map<string, number>();
  const count = (what: string, times = 1): void => {
    seen.set(what, (seen.get(what) ?? 0) + times);
  };
  for (const list of fc.sample(moves(120), { numRuns: 150, seed: 7 })) {
    const replica = Replica.empty();
    await run(list, async (payload, index) => {
      const outcome = await replica.apply(payload, index);
      const { grants, completions, endedSessions } = outcome.effects;
      for (const grant of grants) count(`grant ${grant.redelivery}`);
      count("session ended", endedSessions.length);
      for (const { answer } of completions) count(`late ${answer.reply.kind}`);
      for (const answer of outcome.answers) {
        const reply = answer?.reply;
        count(reply?.kind === "refused" ? reply.refusal.reason : `reply ${reply?.kind}`);
        if (reply?.kind === "settled" && reply.already) count("settled already");
      }
      return outcome;
    });
    for (const queue of replica.machine.listQueues()) {
      count("dead-lettered", queue.deadLettered);
      count("discarded", queue.discarded);
      count("parked", queue.parked);
      count("retrying", queue.retrying);
    }
  }
  const expected = [
    ...["grant ", "grant nack", "grant release", "grant lease-expired", "grant session-ended"],
    ...["session ended", "late received", "late refused", "settled already", "dead-lettered"],
    ...["discarded", "parked", "retrying", "STALE_LEASE", "QUEUE_NOT_FOUND", "SESSION_EXPIRED"],
    ...["QUEUE_NOT_EMPTY", "QUEUE_FULL", "SEQUENCE_GAP", "KEY_REQUIRED", "MALFORMED"],
    ...["reply received", "reply batch-enqueued", "reply undefined"],
  ];
  if (process.env.RUNS !== undefined) console.log(Object.fromEntries(seen));
  for (const what of expected) expect([what, seen.get(what) ?? 0]).not.toEqual([what, 0]);
});

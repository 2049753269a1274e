// The judges must refuse every kind of false history: a judge that always agrees proves nothing (reliability.md §6). A true
// history, of a real world without faults, is changed in one place each.

import { beforeAll, describe, expect, test } from "vitest";
import { decodeEntry } from "../../queue/index.ts";
import { EntryWriter } from "../queue/entry-writer.ts";
import { check, type Evidence } from "./checker.ts";
import { calm } from "../../testing/network.ts";
import { withoutReality } from "./poison.ts";
import { strictQueues } from "./queues.ts";
import { Random } from "../../testing/random.ts";
import { live } from "./run-seed.ts";
import { checkSums } from "./sums.ts";
import { draw } from "./swarm.ts";
import { Violation } from "./watch.ts";
import { World } from "./world.ts";

let world: World;

beforeAll(async () => {
  const random = new Random(7);
  const plan = draw(random, 1);
  const quiet = {
    faults: [],
    weather: calm,
    clients: 5,
    operations: 400,
    troubleMs: 8_000,
    keys: 3,
  };
  world = new World({ ...plan, ...quiet, thinkMs: 20 }, random, undefined);
  await withoutReality(() => live(world));
}, 60_000);

type Changeable<T> = T extends Uint8Array
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? Map<K, Changeable<V>>
    : T extends readonly (infer V)[]
      ? Changeable<V>[]
      : T extends object
        ? { -readonly [F in keyof T]: Changeable<T[F]> }
        : T;

/** A copy of what that world left behind. */
function evidence(): Changeable<Evidence> {
  const { committed: log, commit, digests } = world.watch;
  const history = structuredClone(Object.fromEntries(Object.entries(world.history)));
  const copy = { log: [...log], commit, digests: new Map(digests), history, dead: new Set() };
  return copy as unknown as Changeable<Evidence>;
}

type Operation = Changeable<Evidence>["history"]["operations"][number];
type Enqueue = Operation & { call: { kind: "enqueue" } };

function judged(change: (evidence: Changeable<Evidence>) => void): string {
  const given = evidence();
  change(given);
  const asEvidence = given as unknown as Evidence;
  try {
    check(asEvidence);
    checkSums(asEvidence.history, strictQueues);
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
  return "agreed";
}

/** An enqueue of one message to a queue that stays, which was answered with ok. */
function anEnqueue({ history }: Changeable<Evidence>): Enqueue {
  const found = history.operations.find(
    ({ call, outcome }) => call.kind === "enqueue" && call.queue === "ledger" && outcome === "ok",
  );
  expect(found).toBeDefined();
  return found as Enqueue;
}

function anAck({ history }: Changeable<Evidence>): Operation & { call: { kind: "ack" } } {
  const found = history.operations.find(
    ({ call, outcome }) => call.kind === "ack" && outcome === "ok",
  );
  return found as Operation & { call: { kind: "ack" } };
}

function aReply(
  { history }: Changeable<Evidence>,
  kind: string,
): Changeable<
  Evidence["history"]["spoken"] extends Map<string, infer S> ? S : never
>["replies"][number] {
  for (const { replies } of history.spoken.values())
    for (const reply of replies) if (reply.reply.result.kind === kind) return reply;
  throw new Error(`no reply ${kind}`);
}

test("a true history is agreed with, and is not empty", () => {
  expect(judged(() => undefined)).toBe("agreed");
  const { history } = evidence();
  expect(history.operations.length).toBeGreaterThan(200);
  expect(history.delivered.length).toBeGreaterThan(50);
  expect(history.reads.length).toBeGreaterThan(5);
});

describe("the log decides", () => {
  test("C1: an entry is missing", () => {
    expect(judged(({ log }) => (log[9] = undefined))).toMatch(/^C1/);
  });

  test("C2: a node had another state", () => {
    expect(judged(({ digests, commit }) => digests.set(commit, "0000000000000000"))).toMatch(
      /^C2: R9/,
    );
  });

  test("C2, C3: an entry says something else than what was carried out", () => {
    const changed = judged(({ log }) => {
      const at = log.findIndex((entry) => {
        if (entry?.kind !== "command") return false;
        return decodeEntry(entry.payload).records.some(({ command }) => command.kind === "enqueue");
      });
      const entry = log[at];
      if (entry === undefined) throw new Error("no enqueue in the log");
      const { time, records } = decodeEntry(entry.payload);
      const writer = new EntryWriter();
      for (const { origin, command } of records)
        if (command.kind !== "enqueue") writer.add(origin, command);
      log[at] = { ...entry, payload: Buffer.from(writer.finish(time)) };
    });
    expect(changed).toMatch(/^C[23]/);
  });

  test.each(["enqueued", "settled", "done"])("C3: an answer (%s) names another index", (kind) => {
    expect(judged((given) => (aReply(given, kind).reply.logIndex += 1))).toMatch(/^C3/);
  });

  test("C3: a message got another number than the client was told", () => {
    const changed = judged((given) => {
      const { result } = aReply(given, "enqueued").reply;
      if (result.kind === "enqueued") result.keySeq += 1;
    });
    expect(changed).toMatch(/^C3/);
  });

  test("C3: a settlement was told to be the second one", () => {
    const changed = judged((given) => {
      const { result } = aReply(given, "settled").reply;
      if (result.kind === "settled") result.already = !result.already;
    });
    expect(changed).toMatch(/^C3/);
  });

  test("C3: an answer to a command that is not in the log", () => {
    const changed = judged(({ history }) => {
      for (const spoken of history.spoken.values())
        if (spoken.replies.length > 0) spoken.sequence += 5_000;
    });
    expect(changed).toMatch(/^C3/);
  });

  test("C4: what was refused is there", () => {
    expect(judged((given) => (anEnqueue(given).outcome = "fail"))).toMatch(/^C4: H3/);
  });

  test("C4: what nobody sent is there", () => {
    const changed = judged((given) => {
      const operation = anEnqueue(given);
      given.history.operations.splice(given.history.operations.indexOf(operation), 1);
    });
    expect(changed).toMatch(/^C4: Q2/);
  });

  test("C5: what was acknowledged is not there", () => {
    const changed = judged((given) => {
      const operation = anEnqueue(given);
      given.history.operations.push({
        ...operation,
        call: { ...operation.call, bodies: ["lost"] },
      });
    });
    expect(changed).toMatch(/^C5: P1/);
  });

  test("C5: it is somewhere else", () => {
    expect(judged((given) => (anEnqueue(given).index += 1))).toMatch(/^C5: P1/);
  });

  test("C5: a settlement that never was", () => {
    expect(judged((given) => (anAck(given).call.token += 100_000))).toMatch(/^C5/);
  });

  test("C5: a call without an answer; a dead client may have one", () => {
    expect(judged((given) => (anEnqueue(given).outcome = "open"))).toMatch(/^C5: R10/);
    const dead = judged((given) => {
      const operation = anEnqueue(given);
      operation.outcome = "open";
      (given.dead as unknown as Set<string>).add(operation.client);
    });
    expect(dead).toBe("agreed");
  });

  test("C6: a delivery with a token that was never granted", () => {
    expect(judged(({ history }) => (history.delivered[0]!.token = 1_000_000))).toMatch(/^C6/);
  });

  test("C6: a delivery with the body of another message", () => {
    const changed = judged(({ history }) => {
      const [first] = history.delivered;
      const other = history.delivered.find(
        ({ queue, keySeq }) => queue === first!.queue && keySeq !== first!.keySeq,
      );
      first!.body = other!.body;
    });
    expect(changed).toMatch(/^C6/);
  });

  test("C7: an answer from before the question", () => {
    const changed = judged((given) => {
      const { operations } = given.history;
      const last = operations.filter(({ index }) => index > 0).at(-1)!;
      last.from = Number.MAX_SAFE_INTEGER - 2;
      last.to = Number.MAX_SAFE_INTEGER - 1;
      const early = operations.find(({ index }) => index > 0)!;
      early.from = last.to + 1;
      early.to = last.to + 2;
    });
    expect(changed).toMatch(/^C7: P2/);
  });

  test("C7, C8: a read that does not see what was acknowledged", () => {
    const stale = judged(({ history }) => {
      const read = history.reads.at(-1)!;
      read.index = 20;
    });
    expect(stale).toMatch(/^C[78]/);
  });

  test("C8: a read of a state that never was", () => {
    const changed = judged(({ history }) => {
      const { info } = history.reads.at(-1)!;
      info["enqueued"] = Number(info["enqueued"]) + 1;
    });
    expect(changed).toMatch(/^C8/);
  });
});

describe("from outside", () => {
  /** Only the sums: the log would know, too. */
  function summed(change: (evidence: Changeable<Evidence>) => void): string {
    const given = evidence();
    change(given);
    try {
      checkSums((given as unknown as Evidence).history, strictQueues);
    } catch (error) {
      if (error instanceof Violation) return error.message;
      throw error;
    }
    return "agreed";
  }

  test("a true history is agreed with", () => {
    expect(summed(() => undefined)).toBe("agreed");
  });

  test("B1: an acknowledged message comes again", () => {
    const changed = summed((given) => {
      const { call, to } = anAck(given);
      const { history } = given;
      const delivery = history.delivered.find(({ token }) => token === call.token)!;
      history.delivered.push({ ...delivery, token: 1_000_000, step: to + 1 });
    });
    expect(changed).toMatch(/^B1/);
  });

  test("B2: a message that nobody sent, that was refused, or that has another number", () => {
    expect(summed(({ history }) => (history.delivered[0]!.body = "nobody's"))).toMatch(/^B2/);
    const delivered = (given: Changeable<Evidence>): Operation =>
      given.history.operations.find(
        ({ call, outcome }) =>
          call.kind === "enqueue" &&
          outcome === "ok" &&
          given.history.delivered.some(
            ({ body, queue }) => queue === call.queue && call.bodies.includes(body),
          ),
      )!;
    expect(summed((given) => (delivered(given).outcome = "fail"))).toMatch(/^B2/);
    const renumbered = summed((given) => {
      const operation = delivered(given);
      operation.keySeqs = operation.keySeqs.map((number) => number + 1_000);
    });
    expect(renumbered).toMatch(/^B2/);
  });

  test("B3: a later message of a key comes first", () => {
    const changed = summed(({ history }) => {
      const [first, second] = [1, 2].map((number) =>
        history.delivered.find(
          ({ queue, key, keySeq }) => queue === "ledger" && key === "k1" && keySeq === number,
        )!,
      );
      const token = first!.token;
      for (const each of history.delivered)
        if (each.queue === "ledger" && each.key === "k1" && each.keySeq === 1) each.token = 900_001;
      expect(second!.token).toBeGreaterThan(token);
    });
    expect(changed).toMatch(/^B[13]/);
  });

  test("B4: one token for two messages", () => {
    const changed = summed(({ history }) => {
      const [first] = history.delivered;
      const other = history.delivered.find(({ body }) => body !== first!.body)!;
      other.token = first!.token;
    });
    expect(changed).toMatch(/^B[134]/);
  });

  test("B5: a message is neither there nor gone for a reason", () => {
    const changed = summed(({ history }) => {
      const { info } = history.reads.at(-1)!;
      info["acked"] = Number(info["acked"]) - 1;
    });
    expect(changed).toMatch(/^B5/);
  });

  test("B5: fewer messages came in than were acknowledged", () => {
    const changed = summed(({ history }) => {
      for (const { info, queue } of history.reads)
        if (queue === "ledger") {
          info["enqueued"] = 0;
          for (const field of [
            "acked",
            "deadLettered",
            "discarded",
            "ready",
            "leased",
            "retrying",
            "parked",
          ])
            info[field] = 0;
        }
    });
    expect(changed).toMatch(/^B5: P1/);
  });
});

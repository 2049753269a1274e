import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  Call,
  Evidence,
  LogCommand,
  LogEntry,
  Verdict,
} from "../../../jepsen-like/checkers/contract.ts";
import { witness } from "../../../jepsen-like/checkers/witness/check.ts";
import type { Asked, Lease, Placed } from "../../../jepsen-like/history/record.ts";
import { TinyServer } from "./tiny-server.ts";

const verdictsOf = (evidence: Evidence): Verdict[] => [witness(evidence)].flat();
const bad = (evidence: Evidence): Verdict[] =>
  verdictsOf(evidence).filter(({ result }) => result !== "holds");

test("every good history holds, in all steps", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (seed) => {
      expect(bad(new TinyServer(seed).run(300))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
type Draft = Mutable<Evidence>;
type Enqueue = Extract<Asked, { f: "enqueue" }>;

/** The log that all three nodes share: a change of an entry is one on every node. */
const logOf = (draft: Draft): Mutable<LogEntry>[] => draft.logs[0]!.entries;
const callsOf = (draft: Draft, f: string, type = "ok"): Mutable<Call>[] =>
  draft.history.calls.filter(({ asked, told }) => asked.f === f && told?.type === type);
const indexOf = (call: Mutable<Call>): number => call.told!.told!.logIndex!;
const firstsOf = (draft: Draft, f: string): Mutable<Call>[] =>
  callsOf(draft, f).filter(({ told }) => told!.told!.already !== true);
const placedOf = (call: Mutable<Call>): Mutable<Placed> => call.told!.told!.placed![0]!;
const stored = (draft: Draft): Mutable<Call>[] =>
  callsOf(draft, "enqueue").filter((call) => !placedOf(call).deduplicated);

const commandOf = (draft: Draft, call: Mutable<Call>): Mutable<LogCommand> =>
  logOf(draft)[indexOf(call) - 1]!.commands[0]!;
function lastsBy<T>(list: readonly T[], nameOf: (one: T) => string): T[] {
  return [...new Map(list.map((one) => [nameOf(one), one])).values()];
}

/** All nodes lose the commands of an entry, and its repetitions. */
function forget(draft: Draft, call: Mutable<Call>): void {
  const [lost] = logOf(draft)[indexOf(call) - 1]!.commands as LogCommand[];
  for (const entry of logOf(draft))
    entry.commands = entry.commands.filter(
      ({ session, sequence }) => session !== lost!.session || sequence !== lost!.sequence,
    );
}

/** Some of them have no place for it: then it says false, and another seed is taken. */
type Change = (draft: Draft, pick: <T>(from: readonly T[]) => T | undefined) => boolean;

const changes: Record<string, { readonly found: RegExp; readonly change: Change }> = {
  "a node has another command at an index": {
    found: /witness 1.*has another content on node 3/,
    change: (draft, pick) => {
      const entries = [...draft.logs[2]!.entries];
      const at = entries.indexOf(pick(entries.filter(({ commands }) => commands.length > 0))!);
      const entry = structuredClone(entries[at]!);
      (entry.commands[0] as Record<string, unknown>)["body"] = "another";
      entries[at] = entry;
      draft.logs[2]!.entries = entries;
      return true;
    },
  },
  "a node has another term at an index": {
    found: /witness 1.*has another term on node 2/,
    change: (draft, pick) => {
      const entries = [...draft.logs[1]!.entries];
      const at = entries.indexOf(pick(entries)!);
      entries[at] = { ...entries[at]!, term: entries[at]!.term + 1 };
      draft.logs[1]!.entries = entries;
      return true;
    },
  },
  "a chain that does not go on": {
    found: /witness 1.*does not continue entry/,
    change: (draft, pick) => {
      pick(logOf(draft).slice(1))!.chainBefore = "abcdef00";
      return true;
    },
  },
  "an answered enqueue is in no log": {
    found: /witness 2: .*P1: .*enqueue.*is not in the log/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      if (call !== undefined) forget(draft, call);
      return call !== undefined;
    },
  },
  "an answer names another entry": {
    found: /witness 2: .*P1: .*but in \d/,
    change: (draft, pick) => {
      const call = pick(firstsOf(draft, "ack"));
      if (call !== undefined) call.told!.told!.logIndex = indexOf(call) + 1;
      return call !== undefined;
    },
  },
  "nobody asked for it": {
    found: /witness 2: .*phantom: entry \d+ has enqueue .*nobody asked/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      draft.history.calls = draft.history.calls.filter((one) => one !== call);
      return call !== undefined;
    },
  },
  "the same message is in the log under two numbers": {
    found: /witness 2: .*phantom: .*only 1 call/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      if (call === undefined) return false;
      const [command] = logOf(draft)[indexOf(call) - 1]!.commands;
      logOf(draft)
        .at(-1)!
        .commands.push({ ...command!, session: 0, sequence: 0 });
      return true;
    },
  },
  "H3: a failed call is in the log": {
    found: /witness 2: .*H3: .*failed \(NOT_LEADER\)/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      if (call === undefined) return false;
      const { process, op, time } = call.told!;
      call.told = { type: "fail", process, op, time, reason: "NOT_LEADER" };
      return true;
    },
  },
  "N1: another seq": {
    found: /witness 4: .*N1: .*got seq/,
    change: (draft, pick) => {
      const call = pick(stored(draft));
      if (call !== undefined) placedOf(call).seq += 1;
      return call !== undefined;
    },
  },
  "N1: another key_seq": {
    found: /witness 4: .*N1: .*got key_seq/,
    change: (draft, pick) => {
      const call = pick([...stored(draft), ...callsOf(draft, "commit")]);
      if (call !== undefined) placedOf(call).keySeq -= 1;
      return call !== undefined;
    },
  },
  "N1: the last one of a queue leaves numbers out": {
    found: /witness 4: .*N1: .*got seq/,
    change: (draft, pick) => {
      const call = pick(lastsBy(stored(draft), ({ asked }) => (asked as Enqueue).queue));
      if (call !== undefined) placedOf(call).seq += 10;
      return call !== undefined;
    },
  },
  "N1: the last one of a key has the number of the one before": {
    found: /witness 4: .*N1: .*got key_seq/,
    change: (draft, pick) => {
      const unnamed = stored(draft).filter(({ asked }) => !("dedupId" in asked));
      const call = pick(
        lastsBy(unnamed, ({ asked }) => `${(asked as Enqueue).queue} ${(asked as Enqueue).key}`),
      );
      if (call !== undefined) placedOf(call).keySeq -= 1;
      return call !== undefined;
    },
  },
  "O1: stored, and told to be a repetition": {
    found: /witness 4: .*O1: .*there is none of its name/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      if (call !== undefined) placedOf(call).deduplicated = true;
      return call !== undefined;
    },
  },
  "O1: a repetition, and told to be stored": {
    found: /witness 4: .*O1: .*is stored twice/,
    change: (draft, pick) => {
      const call = pick(callsOf(draft, "enqueue").filter((one) => placedOf(one).deduplicated));
      if (call !== undefined) placedOf(call).deduplicated = false;
      return call !== undefined;
    },
  },
  "P3: the message before was never settled": {
    found: /witness 4: .*P3: /,
    change: (draft, pick) => {
      const call = pick(
        firstsOf(draft, "ack").filter(({ asked }) => {
          const { queue, key, keySeq } = asked as { queue: string; key: string; keySeq: number };
          return firstsOf(draft, "ack").some(({ asked: other }) => {
            const later = other as typeof asked & { queue: string; key: string; keySeq: number };
            return (
              later.queue === queue && queue === "q" && later.key === key && later.keySeq > keySeq
            );
          });
        }),
      );
      if (call === undefined) return false;
      const { token } = call.asked as { token: number };
      // Neither it nor those that came too late for it.
      draft.history.calls = draft.history.calls.filter(
        ({ asked }) => !("token" in asked && asked.token === token),
      );
      for (const entry of logOf(draft))
        entry.commands = entry.commands.filter(({ fencingToken }) => fencingToken !== token);
      // Numbers of its session close up.
      renumber(draft);
      return true;
    },
  },
  "P3: delivered before its turn": {
    found: /witness 4: .*P3: under token 0, before its turn/,
    change: (draft, pick) => {
      const one = pick(
        draft.history.delivered.filter(({ queue, key, keySeq }) =>
          firstsOf(draft, "ack").some(
            ({ asked }) =>
              asked.f === "ack" &&
              queue === "q" &&
              asked.queue === queue &&
              asked.key === key &&
              asked.keySeq === keySeq - 1,
          ),
        ),
      );
      if (one === undefined || one.key === "named") return false;
      draft.history.delivered.push({ ...one, token: 0 });
      return true;
    },
  },
  "P3: delivered before its turn, under a token that is newer than that of the one before": {
    found: /witness 4: .*P3: .*before its turn/,
    change: (draft, pick) => {
      const acks = firstsOf(draft, "ack").map((call) => ({
        ...(call.asked as Lease),
        at: indexOf(call),
      }));
      const early = acks.flatMap(({ queue, key, keySeq, token, at }) => {
        // A later token was in use before this ack: the one between the two was given while this lease lasted.
        if (!acks.some((other) => other.token > token + 1 && other.at < at)) return [];
        const next = draft.history.delivered.find(
          (one) =>
            one.queue === queue &&
            (queue === "total" || one.key === key) &&
            one.keySeq === keySeq + 1 &&
            stored(draft).some((call) => placedOf(call).body === one.body && indexOf(call) < at),
        );
        return next === undefined ? [] : [{ ...next, token: token + 1 }];
      });
      const one = pick(early);
      if (one !== undefined) draft.history.delivered.push(one);
      return one !== undefined;
    },
  },
  "P5: a stale token settles": {
    found: /witness 4: .*P5|witness 4: .*P6/,
    change: (draft, pick) => {
      const call = pick(
        callsOf(draft, "ack", "fail").filter(({ told }) => told!.reason === "STALE_LEASE"),
      );
      if (call === undefined) return false;
      const { body } = call.asked as { body: string };
      const isLaterUsed = draft.history.delivered.some(
        (one) => one.body === body && one.token > (call.asked as { token: number }).token,
      );
      const at = logOf(draft).find(({ commands }) =>
        commands.some(
          (command) =>
            command.op === "ack" &&
            command["fencingToken"] === (call.asked as { token: number }).token,
        ),
      );
      if (!isLaterUsed || at === undefined) return false;
      const { process, op, time } = call.told!;
      call.told = { type: "ok", process, op, time, told: { logIndex: at.index, already: false } };
      return true;
    },
  },
  "P6: one message is taken out twice": {
    found: /witness 4: .*P6: .*after token/,
    change: (draft, pick) => {
      const call = pick(firstsOf(draft, "ack"));
      if (call === undefined) return false;
      const asked = {
        ...call.asked,
        process: "p9",
        time: call.told!.time + 1e9,
      } as typeof call.asked;
      const index = draft.barrier;
      const [command] = logOf(draft)[indexOf(call) - 1]!.commands;
      logOf(draft)[index - 1]!.commands.push({ ...command!, session: 0, sequence: 0 });
      const { op } = call.told!;
      const told = {
        type: "ok",
        process: "p9",
        op,
        time: asked.time + 1,
        told: { logIndex: index, already: false },
      } as const;
      draft.history.calls.push({ asked, told });
      return true;
    },
  },
  "P5: one token for two messages": {
    found: /witness 4: .*P5: token/,
    change: (draft, pick) => {
      const [a, b] = [pick(draft.history.delivered), pick(draft.history.delivered)];
      if (a === undefined || b === undefined || a.body === b.body) return false;
      a.token = b.token;
      return true;
    },
  },
  "another body comes under a number": {
    found: /witness 4: .*(came as|made|settled #|nobody enqueued)/,
    change: (draft, pick) => {
      const one = pick(draft.history.delivered);
      if (one !== undefined) one.body = "p8-1";
      return one !== undefined;
    },
  },
  "O3: already settled, and it was not": {
    found: /witness 4: .*O3: .*had settled/,
    change: (draft, pick) => {
      const call = pick(firstsOf(draft, "ack"));
      if (call === undefined) return false;
      call.told!.told!.already = true;
      const { token } = call.asked as { token: number };
      // Only where nothing else of it could have.
      return callsOfToken(draft, token) === 1;
    },
  },
  "O4: half a commit": {
    found: /witness 4: .*O4: half of the commit/,
    change: (draft, pick) => {
      const call = pick(callsOf(draft, "commit"));
      if (call?.asked.f !== "commit") return false;
      const [ack] = call.asked.acks;
      const got = draft.history.delivered.find(({ token }) => token === ack!.token);
      if (got === undefined) return false;
      // What it enqueued comes to somebody, what it acked comes again, and nobody knows what became of it.
      const { queue, key, body } = call.asked.enqueues[0]!;
      const { seq, keySeq } = placedOf(call);
      draft.history.delivered.push({ ...got, queue, key, body, seq, keySeq, token: 1e6 });
      draft.history.delivered.push({ ...got, token: 2e6 });
      delete call.told;
      return true;
    },
  },
  "R1: a counter is wrong": {
    found: /witness 4: .*R1: .*enqueued is/,
    change: (draft, pick) => {
      const call = pick(
        callsOf(draft, "get-queue").filter(({ told }) => told!.told!.logIndex! > 0),
      );
      if (call === undefined) return false;
      call.told!.told!.counters!["enqueued"]! += 40;
      return true;
    },
  },
  "R1: too much is said to be acked": {
    found: /witness 4: .*R1: .*acked is/,
    change: (draft, pick) => {
      const call = pick(
        callsOf(draft, "get-queue").filter(({ told }) => told!.told!.logIndex! > 0),
      );
      if (call === undefined) return false;
      call.told!.told!.counters!["acked"]! += 40;
      return true;
    },
  },
  "R2: a message is not there any more": {
    found: /witness 4: .*is not there; entry/,
    change: (draft) => {
      const call = callsOf(draft, "browse").find(({ told }) =>
        told!.told!.there!.some(({ state, key }) => state === "ready" && key !== "named"),
      );
      if (call === undefined) return false;
      call.told!.told!.there = [];
      return true;
    },
  },
  "T1: answered before, and behind": {
    found: /witness 5: .*T1: /,
    change: (draft, pick) => {
      const early = pick(stored(draft).slice(0, -2));
      if (early === undefined) return false;
      const end = Math.max(...draft.history.calls.map(({ told }) => told?.time ?? 0));
      early.asked.time = end + 1;
      early.told!.time = end + 2;
      return true;
    },
  },
  "T2: a read of the past": {
    found: /witness 5: .*T2: /,
    change: (draft, pick) => {
      const early = pick(
        callsOf(draft, "get-queue").filter(({ told }) => told!.told!.logIndex! > 0),
      );
      if (early === undefined) return false;
      const last = Math.max(...callsOf(draft, "enqueue").map(indexOf));
      if (indexOf(early) >= last) return false;
      const end = Math.max(...draft.history.calls.map(({ told }) => told?.time ?? 0));
      early.asked.time = end + 1;
      early.told!.time = end + 2;
      return true;
    },
  },
  "P6: one number, two commands": {
    found: /witness 6: .*asks for/,
    change: (draft, pick) => {
      const call = pick(stored(draft).filter(({ asked }) => !("dedupId" in asked)));
      if (call === undefined) return false;
      const [command] = logOf(draft)[indexOf(call) - 1]!.commands;
      logOf(draft)
        .at(-1)!
        .commands.push({ ...command!, body: "another" });
      return true;
    },
  },
  "P6: a number is left out": {
    found: /witness 2: .*P1: .*is not in the log/,
    change: (draft, pick) => {
      const call = pick(stored(draft));
      if (call === undefined) return false;
      const [command] = logOf(draft)[indexOf(call) - 1]!.commands;
      command!.sequence += 1_000;
      return true;
    },
  },
  "P6: the last command of a session leaves a number out": {
    found: /witness 2: .*P1: .*is not in the log/,
    change: (draft, pick) => {
      const commands = logOf(draft).flatMap((entry) => entry.commands);
      const lasts = lastsBy(commands, ({ session }) => String(session));
      const call = pick(
        [...stored(draft), ...firstsOf(draft, "ack")].filter((one) =>
          lasts.includes(commandOf(draft, one)),
        ),
      );
      if (call !== undefined) commandOf(draft, call).sequence += 1;
      return call !== undefined;
    },
  },
  "Q13: a node has another state": {
    found: /witness: equal states.*say d and e/,
    change: (draft) => {
      draft.digests[1]!.digest = "e";
      return true;
    },
  },
};

function callsOfToken({ history }: Draft, token: number): number {
  return history.calls.filter(({ asked }) => "token" in asked && asked.token === token).length;
}

/** Sequence numbers of every session, dense again; repetitions keep theirs. */
function renumber(draft: Draft): void {
  const numbers = new Map<string, number>();
  const last = new Map<number, number>();
  for (const { commands } of logOf(draft)) {
    for (const command of commands) {
      const { session, sequence } = command;
      if (session === 0) continue;
      const name = `${session}/${sequence}`;
      let number = numbers.get(name);
      if (number === undefined) {
        number = (last.get(session) ?? 0) + 1;
        last.set(session, number);
        numbers.set(name, number);
      }
      command.sequence = number;
    }
  }
}

describe("a bad history is found, by the step that is there for it:", () => {
  test.each(Object.entries(changes))("%s", (_name, { found, change }) => {
    let tried = 0;
    for (let seed = 1; seed <= 200 && tried < 12; seed++) {
      const draft = structuredClone(new TinyServer(seed).run(160)) as Draft;
      let picked = seed;
      const pick = <T>(from: readonly T[]): T | undefined =>
        from[picked++ % Math.max(1, from.length)];
      if (!change(draft, pick)) continue;
      tried++;
      const lines = bad(draft as Evidence).flatMap(({ check, findings }) =>
        findings.map(({ what }) => `${check}: ${what}`),
      );
      expect(
        lines.some((line) => found.test(line)),
        `seed ${seed}: ${lines.join("\n")}`,
      ).toBe(true);
    }
    expect(tried).toBeGreaterThanOrEqual(5);
  });
});

describe("nothing is said where nothing can be known", () => {
  test("K2: the run did not get to its barrier", () => {
    const verdicts = verdictsOf({ ...new TinyServer(1).run(100), barrier: 0 });
    expect(verdicts.slice(0, 6).every(({ result }) => result === "inconclusive")).toBe(true);
  });

  test("K3: the beginning of the log is gone; its end is missing; nobody has the barrier", () => {
    const good = new TinyServer(1).run(100);
    const cut = (from: number, to: number): Evidence => ({
      ...good,
      logs: good.logs.map(({ nodeId, entries }) => ({ nodeId, entries: entries.slice(from, to) })),
    });
    for (const evidence of [cut(1, 1_000), cut(0, good.barrier - 1)]) {
      const results = verdictsOf(evidence)
        .slice(0, 6)
        .map(({ result }) => result);
      expect(new Set(results)).toEqual(new Set(["inconclusive"]));
    }
  });

  test("A2: the uncommitted end of a node that never came back is no violation", () => {
    const good = new TinyServer(1).run(100);
    const entries = [...good.logs[2]!.entries.slice(0, 20)];
    entries[19] = { ...entries[19]!, term: 9, chain: "0000beef" };
    const logs = [good.logs[0]!, good.logs[1]!, { nodeId: 3, entries }];
    const verdicts = verdictsOf({ ...good, logs });
    expect(verdicts.every(({ result }) => result === "holds")).toBe(true);
    expect(verdicts[0]!.looked).toContain("node 3 left an uncommitted end from entry 20 on");
  });

  test("A4: digests at different indexes say nothing", () => {
    const good = new TinyServer(1).run(100);
    const digests = good.digests.map((one, at) => ({ ...one, appliedIndex: at }));
    expect(bad({ ...good, digests })).toMatchObject([{ result: "inconclusive" }]);
  });
});

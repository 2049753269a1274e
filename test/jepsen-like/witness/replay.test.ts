import type { Lease } from "../../../jepsen-like/history/record.ts";
import {
  logOf,
  callsOf,
  indexOf,
  firstsOf,
  readsOf,
  placedOf,
  stored,
  unnamed,
  commandOf,
  lastsBy,
  areFound,
  type Draft,
  type Enqueue,
} from "./tampered.ts";

areFound({
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
      const call = pick(
        lastsBy(
          unnamed(draft),
          ({ asked }) => `${(asked as Enqueue).queue} ${(asked as Enqueue).key}`,
        ),
      );
      if (call !== undefined) placedOf(call).keySeq -= 1;
      return call !== undefined;
    },
  },
  "O1: stored, and told to be a repetition": {
    found: /witness 4: .*O1: .*there is none of its name/,
    change: (draft, pick) => {
      const call = pick(unnamed(draft));
      if (call !== undefined) placedOf(call).deduplicated = true;
      return call !== undefined;
    },
  },
  "O1: a repetition, and told to be stored": {
    found: /witness 4: .*O1: .*is stored twice/,
    change: (draft, pick) => {
      // Of those whose first was answered: else it may be the first.
      const firsts = new Set(stored(draft).map((one) => placedOf(one).body));
      const call = pick(
        callsOf(draft, "enqueue").filter((one) => {
          const { deduplicated, body } = placedOf(one);
          return deduplicated && firsts.has(body);
        }),
      );
      if (call !== undefined) placedOf(call).deduplicated = false;
      return call !== undefined;
    },
  },
  "P3: the message before was never settled": {
    found: /witness 4: .*P3: .*before it was there/,
    change: (draft, pick) => {
      const acks = firstsOf(draft, "ack").filter(({ asked }) => {
        const { queue, key } = asked as Lease;
        return queue === "q" && key !== "named";
      });
      const call = pick(
        acks.filter(({ asked }) => {
          const { key, keySeq } = asked as Lease;
          return acks.some(({ asked: other }) => {
            const later = other as Lease;
            return later.key === key && later.keySeq > keySeq;
          });
        }),
      );
      if (call === undefined) return false;
      const { token } = call.asked as Lease;
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
      const { body, token } = call.asked as Lease;
      const isLaterUsed = draft.history.delivered.some(
        (one) => one.body === body && one.token > token,
      );
      const at = logOf(draft).find(({ commands }) =>
        commands.some((command) => command.op === "ack" && command["fencingToken"] === token),
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
      const command = commandOf(draft, call);
      logOf(draft)[index - 1]!.commands.push({ ...command, session: 0, sequence: 0 });
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
      const { token } = call.asked as Lease;
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
      const call = pick(readsOf(draft));
      if (call === undefined) return false;
      call.told!.told!.counters!["enqueued"]! += 40;
      return true;
    },
  },
  "R1: too much is said to be acked": {
    found: /witness 4: .*R1: .*acked is/,
    change: (draft, pick) => {
      const call = pick(readsOf(draft));
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
});

function callsOfToken({ history }: Draft, token: number): number {
  return history.calls.filter(({ asked }) => "token" in asked && asked.token === token).length;
}

/** Sequence numbers of every session, dense again. A repetition is the same command, and keeps its number. */
function renumber(draft: Draft): void {
  const last = new Map<number, number>();
  for (const command of new Set(logOf(draft).flatMap(({ commands }) => commands))) {
    const { session } = command;
    if (session === 0) continue;
    command.sequence = (last.get(session) ?? 0) + 1;
    last.set(session, command.sequence);
  }
}

import type { Call } from "../../../jepsen-like/checkers/contract.ts";
import {
  logOf,
  callsOf,
  indexOf,
  firstsOf,
  readsOf,
  stored,
  unnamed,
  commandOf,
  lastsBy,
  forget,
  areFound,
  type Draft,
  type Mutable,
} from "./tampered.ts";

areFound({
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
      const call = pick(unnamed(draft));
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
      const call = pick(unnamed(draft));
      draft.history.calls = draft.history.calls.filter((one) => one !== call);
      return call !== undefined;
    },
  },
  "the same message is in the log under two numbers": {
    found: /witness 2: .*phantom: .*only 1 call/,
    change: (draft, pick) => {
      const call = pick(unnamed(draft));
      if (call === undefined) return false;
      const command = commandOf(draft, call);
      logOf(draft)
        .at(-1)!
        .commands.push({ ...command, session: 0, sequence: 0 });
      return true;
    },
  },
  "H3: a failed call is in the log": {
    found: /witness 2: .*H3: .*failed \(NOT_LEADER\)/,
    change: (draft, pick) => {
      const call = pick(unnamed(draft));
      if (call === undefined) return false;
      const { process, op, time } = call.told!;
      call.told = { type: "fail", process, op, time, reason: "NOT_LEADER" };
      return true;
    },
  },
  "T1: answered before, and behind": {
    found: /witness 5: .*T1: /,
    change: (draft, pick) => {
      const early = pick(stored(draft).slice(0, -2));
      if (early === undefined) return false;
      afterAll(draft, early);
      return true;
    },
  },
  "T2: a read of the past": {
    found: /witness 5: .*T2: /,
    change: (draft, pick) => {
      const early = pick(readsOf(draft));
      if (early === undefined) return false;
      const last = Math.max(...callsOf(draft, "enqueue").map(indexOf));
      if (indexOf(early) >= last) return false;
      afterAll(draft, early);
      return true;
    },
  },
  "P6: one number, two commands": {
    found: /witness 6: .*asks for/,
    change: (draft, pick) => {
      const call = pick(unnamed(draft));
      if (call === undefined) return false;
      const command = commandOf(draft, call);
      logOf(draft)
        .at(-1)!
        .commands.push({ ...command, body: "another" });
      return true;
    },
  },
  "P6: a number is left out": {
    found: /witness 2: .*P1: .*is not in the log/,
    change: (draft, pick) => {
      const call = pick(stored(draft));
      if (call === undefined) return false;
      commandOf(draft, call).sequence += 1_000;
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
});

/** It is asked for when all others are answered. */
function afterAll({ history }: Draft, call: Mutable<Call>): void {
  const end = Math.max(...history.calls.map(({ told }) => told?.time ?? 0));
  call.asked.time = end + 1;
  call.told!.time = end + 2;
}

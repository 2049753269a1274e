// E3: every message, in every role, of an older, the same and a newer term: it never throws, and the invariants hold.

import { describe, expect, test } from "vitest";
import { origin, type EntryId, type NodeId } from "../../raft/index.ts";
import { entry, votersOf } from "./harness.ts";
import { sentBy, Solo, type Said } from "./solo.ts";

const log = [1, 2, 2].map((term, at) => entry(term, at + 1));
const far: EntryId = { term: 2, index: 30 };

// Each of these follows an own term of 3 or 4, with a log of 1 2 2 of which the first entry is applied.
const roles: Record<string, (solo: Solo) => void> = {
  "follower without a leader": () => undefined,
  follower: (solo) => solo.follow(2, 3),
  "follower of another": (solo) => solo.follow(3, 3),
  "pre-candidate": (solo) => solo.timeOut(),
  candidate: (solo) => solo.campaign(2),
  leader: (solo) => solo.lead(),
  "leader with a read and a follower on snapshot": (solo) => {
    solo.sync();
    solo.persisted(solo.lead());
    solo.ack(3, solo.status.last.index);
    solo.step({ kind: "read", id: 1 });
    solo.hear(2, solo.status.term, {
      kind: "append-reply",
      previous: { term: 2, index: 3 },
      outcome: { kind: "refused", conflict: origin },
    });
    solo.step({ kind: "fetched", for: 2, from: 1, entries: [] });
  },
  "leader that hands over": (solo) => {
    solo.sync();
    solo.persisted(solo.lead());
    solo.ack(2, solo.status.last.index);
    solo.propose("a");
    solo.step({ kind: "transfer", to: 2 });
  },
  "leader that removes a member": (solo) => removing(solo, 3),
  "leader that removes itself": (solo) => removing(solo, 1),
  "receiver of a snapshot": (solo) => solo.hear(2, 3, chunkOf(0, false)),
  installer: (solo) => solo.hear(2, 3, chunkOf(0, true)),
};

function removing(solo: Solo, id: NodeId): void {
  solo.sync();
  solo.persisted(solo.lead());
  for (const from of [2, 3]) solo.ack(from, solo.status.last.index);
  solo.step({ kind: "change-membership", change: { kind: "remove", id, context: "" } });
  solo.sync();
}

function chunkOf(chunk: number, done: boolean, last = far): Said {
  const snapshot = { last, membership: votersOf(1, 2, 3) };
  return { kind: "snapshot-chunk", snapshot, chunk, data: new Uint8Array(1), done };
}

function messagesAt(term: number): Said[] {
  const previous: EntryId[] = [origin, { term: 1, index: 1 }, { term: 2, index: 3 }, far];
  // What a leader of this term may hold: an entry that is committed in one of the roles is never contradicted.
  const entryTerm = Math.max(Math.min(term, 4), 2);
  return [
    ...[origin, far].map((last) => ({ kind: "pre-vote-request" as const, last })),
    ...[true, false].map((granted) => ({ kind: "pre-vote-reply" as const, granted })),
    ...[true, false].map((transfer) => ({ kind: "vote-request" as const, last: far, transfer })),
    ...[true, false].map((granted) => ({ kind: "vote-reply" as const, granted })),
    ...previous.flatMap((at) =>
      [[], [entry(entryTerm, at.index + 1)]].map((entries) => ({
        kind: "append-request" as const,
        previous: at,
        entries: at.index === 0 ? [log[0]!] : entries,
        commit: 3,
      })),
    ),
    ...[0, 1, 3, 4, 99].map((match) => ({
      kind: "append-reply" as const,
      previous: origin,
      outcome: { kind: "accepted" as const, match },
    })),
    ...previous.map((at) => ({
      kind: "append-reply" as const,
      previous: at,
      outcome: {
        kind: "refused" as const,
        conflict: { term: 1, index: Math.max(0, at.index - 1) },
      },
    })),
    ...[0, 1, 3, 99].map((commit) => ({ kind: "heartbeat" as const, commit, round: commit })),
    ...[0, 1, 99].map((round) => ({ kind: "heartbeat-reply" as const, round })),
    ...[0, 1, 5].flatMap((chunk) => [true, false].map((done) => chunkOf(chunk, done))),
    chunkOf(0, true, { term: 2, index: 2 }),
    ...[0, 1, 7].map((next) => ({ kind: "snapshot-chunk-reply" as const, last: far, next })),
    ...[origin, far].map((last) => ({ kind: "timeout-now" as const, last })),
  ];
}

function inRole(enter: (solo: Solo) => void): Solo {
  const state = { entries: log, applied: 1, hardState: { term: 3, vote: undefined } };
  const solo = new Solo(state);
  enter(solo);
  return solo;
}

describe.each(Object.keys(roles))("E3: a %s", (role) => {
  const enter = roles[role]!;

  test.each([-1, 0, 1, 5])(
    "survives every message of a term %i ahead, alone, twice and in a row",
    (ahead) => {
      const { term } = inRole(enter).status;
      const everything = messagesAt(term + ahead);
      const inRow = inRole(enter);
      for (const from of [2, 3, 9]) {
        for (const said of everything) {
          const alone = inRole(enter);
          // Solo checks the invariants after every step.
          alone.hear(from, term + ahead, said);
          alone.hear(from, term + ahead, said);
          alone.tick(30);
          inRow.hear(from, term + ahead, said);
        }
      }
    },
  );

  test("T6: an older term changes nothing, and its leaders and candidates are told", () => {
    const { term } = inRole(enter).status;
    for (const said of messagesAt(term - 1)) {
      const solo = inRole(enter);
      const before = solo.status;
      const output = solo.hear(2, term - 1, said);
      expect(solo.status).toEqual(before);
      expect(output.persist).toBeUndefined();
      const isRequest = ["vote-request", "append-request", "heartbeat", "snapshot-chunk"].includes(
        said.kind,
      );
      if (isRequest) expect(sentBy(output)).toMatchObject([{ to: 2, term }]);
    }
  });
});

// Leadership transfer (§3.10 of the thesis; TR1–TR5 of raft/transfer.ts), by trap.

import { describe, expect, test } from "vitest";
import { type NodeId, type TransferOutcome } from "../../raft/index.ts";
import { Cluster } from "./cluster.ts";
import { entry, votersOf } from "./harness.ts";
import { only, sentBy, Solo } from "./solo.ts";

const refused = (reason: string): TransferOutcome =>
  ({ kind: "refused", reason }) as TransferOutcome;

/** A leader of {1, 2, 3} and a learner, that has committed its first entry; 3 was never heard. */
function leader(): Solo {
  const solo = new Solo({ membership: { voters: [1, 2, 3], learners: [4], context: "" } });
  solo.persisted(solo.lead(2));
  solo.ack(2, 1);
  return solo;
}

function ask(solo: Solo, to: NodeId): TransferOutcome | undefined {
  return solo.step({ kind: "transfer", to }).transfer;
}

/** Time passes; the followers are heard, but acknowledge nothing. */
function wait(solo: Solo, ticks: number): ReturnType<Solo["tick"]> {
  return Array.from({ length: ticks }, () => {
    for (const id of [2, 3]) {
      solo.hear(id, solo.status.term, { kind: "heartbeat-reply", round: 0 });
    }
    return solo.tick()[0]!;
  });
}

describe("what is refused, and with which word", () => {
  test.each([
    [1, "is-leader"],
    [4, "not-a-voter"],
    [9, "not-a-voter"],
    [3, "unreachable"],
  ])("to %i: %s", (to, reason) => {
    const solo = leader();
    solo.ack(4, 1);
    expect(ask(solo, to)).toEqual(refused(reason));
    expect(solo.status.transferee).toBeUndefined();
    expect(solo.propose("a").proposed).toMatchObject({ kind: "appended" });
  });

  test("by one that does not lead, or is handing over already, or has a change under way (TR5)", () => {
    expect(ask(new Solo().follow(2, 1), 3)).toEqual(refused("not-leader"));
    const busy = leader();
    busy.propose("a");
    expect(ask(busy, 2)).toEqual({ kind: "started" });
    expect(ask(busy, 2)).toEqual(refused("transferring"));
    const changing = leader();
    const change = { kind: "set-context", context: "x" } as const;
    changing.step({ kind: "change-membership", change });
    expect(ask(changing, 2)).toEqual(refused("change-pending"));
  });

  test("to one that was not heard for an election time-out", () => {
    const solo = leader();
    for (let n = 0; n < solo.config.electionTicks; n += 1) {
      solo.hear(3, 1, { kind: "heartbeat-reply", round: 0 });
      solo.tick();
    }
    expect(ask(solo, 2)).toEqual(refused("unreachable"));
    expect(ask(solo, 3)).toEqual({ kind: "started" });
  });
});

describe("D6: a transfer", () => {
  test("TR1, TR2: takes nothing new, brings the target to the end, and tells it once", () => {
    const solo = leader();
    solo.propose("a");
    solo.sync();
    const begun = solo.step({ kind: "transfer", to: 2 });
    expect(begun.transfer).toEqual({ kind: "started" });
    expect(only(begun.sendNow, "timeout-now")).toEqual([]);
    expect(solo.status.transferee).toBe(2);
    expect(solo.propose("b").proposed).toEqual({ kind: "refused", reason: "transferring" });
    const change = { kind: "set-context", context: "x" } as const;
    const { proposed } = solo.step({ kind: "change-membership", change });
    expect(proposed).toEqual({ kind: "refused", reason: "transferring" });
    const last = { term: 1, index: 2 };
    expect(only(sentBy(solo.ack(2, 2)), "timeout-now")).toMatchObject([{ to: 2, term: 1, last }]);
    expect(
      only([...sentBy(solo.ack(2, 2)), ...wait(solo, 9).flatMap(sentBy)], "timeout-now"),
    ).toEqual([]);
    expect(solo.status).toMatchObject({ role: "leader", transferee: 2 });
  });

  test("begins at once when the target holds everything", () => {
    const output = leader().step({ kind: "transfer", to: 2 });
    expect(only(output.sendNow, "timeout-now")).toHaveLength(1);
  });

  test("passes the stickiness of voters that have just heard the old leader, who then follows", () => {
    const cluster = new Cluster({ membership: votersOf(1, 2, 3, 4, 5) });
    cluster.campaign(1);
    cluster.tick(3);
    const { term } = cluster.at(1).status;
    cluster.at(1).step({ kind: "transfer", to: 4 });
    cluster.settle();
    expect(cluster.at(4).status).toMatchObject({ role: "leader", term: term + 1 });
    for (const id of [1, 2, 3, 5]) expect(cluster.at(id).status.leader).toBe(4);
  });

  test("in a loop: each leader hands over to the next, and no proposal is lost or doubled", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    for (let n = 0; n < 30; n += 1) {
      const from = (n % 3) + 1;
      cluster.propose(from, `m${n}`);
      cluster.at(from).step({ kind: "transfer", to: (from % 3) + 1 });
      cluster.settle();
    }
    const commands = cluster.log(1).filter((item) => !item.endsWith("noop"));
    expect(commands.map((item) => item.split(".")[1])).toEqual(
      Array.from({ length: 30 }, (_, n) => `m${n}`),
    );
  });

  test("reads go on meanwhile, and each has its outcome (D3)", () => {
    const solo = leader();
    solo.propose("a");
    solo.step({ kind: "transfer", to: 2 });
    solo.step({ kind: "read", id: 1 });
    const { reads } = solo.hear(2, 1, { kind: "heartbeat-reply", round: 1 });
    expect(reads).toEqual([{ id: 1, index: 1 }]);
    solo.step({ kind: "read", id: 2 });
    const last = { term: 1, index: 2 };
    const output = solo.hear(2, 2, { kind: "vote-request", last, transfer: true });
    expect(output.reads).toEqual([{ id: 2, index: undefined }]);
    expect(solo.status).toMatchObject({ role: "follower", transferee: undefined });
  });
});

describe("D5: a transfer that is given up", () => {
  test("TR3: after an election time-out the leader takes proposals again, behind a noop (TR4), also when the target was never told", () => {
    const solo = leader();
    solo.propose("a");
    ask(solo, 2);
    wait(solo, solo.config.electionTicks - 1);
    expect(solo.status.transferee).toBe(2);
    wait(solo, 1);
    expect(solo.status).toMatchObject({ role: "leader", transferee: undefined });
    expect(solo.status.last.index).toBe(3);
    expect(solo.propose("b").proposed).toMatchObject({ kind: "appended" });
    expect(ask(solo, 2)).toEqual({ kind: "started" });
  });

  test("TR4: once the target was told, a noop comes before everything else", () => {
    const solo = leader();
    ask(solo, 2);
    const outputs = wait(solo, solo.config.electionTicks);
    expect(solo.status).toMatchObject({ role: "leader", transferee: undefined });
    const entries = outputs.flatMap(({ persist }) => persist?.entries ?? []);
    expect(entries).toMatchObject([{ kind: "noop", term: 1, index: 2 }]);
  });

  test("D5: the word that comes late is void: in another term, from a stranger, and unless the log ends exactly there", () => {
    const log = [entry(1, 1), entry(2, 2), entry(2, 3)];
    const end = { term: 2, index: 3 };
    for (const [from, term, last, role] of [
      [2, 2, end, "candidate"],
      [3, 2, end, "follower"],
      [2, 1, end, "follower"],
      [2, 3, end, "follower"],
      [2, 2, { term: 2, index: 2 }, "follower"],
      [2, 2, { term: 2, index: 4 }, "follower"],
      [2, 2, { term: 1, index: 3 }, "follower"],
    ] as const) {
      const solo = new Solo({ entries: log, hardState: { term: 2, vote: undefined } });
      solo.follow(2, 2).hear(from, term, { kind: "timeout-now", last });
      expect(solo.status.role).toBe(role);
    }
  });

  test("D5: a noop that has overtaken the word keeps the leader in its place", () => {
    const cluster = new Cluster();
    cluster.campaign(1);
    cluster.at(1).step({ kind: "transfer", to: 2 });
    const [word, ...others] = cluster.queue;
    expect(word).toMatchObject({ kind: "timeout-now", to: 2 });
    cluster.queue = others;
    cluster.tick(11);
    cluster.deliver(word!);
    cluster.settle();
    expect(cluster.at(1).status).toMatchObject({ role: "leader", term: 1 });
    expect(cluster.at(2).status).toMatchObject({ role: "follower", term: 1 });
  });

  test("a learner, and one whose removal is committed, are told in vain", () => {
    const membership = { voters: [2, 3], learners: [1], context: "" };
    const solo = new Solo({ membership }).follow(2, 1);
    solo.hear(2, 1, { kind: "timeout-now", last: { term: 0, index: 0 } });
    expect(solo.status.role).toBe("follower");
  });
});

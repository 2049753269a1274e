import { describe, expect, test } from "vitest";
import { isNews, logLine } from "../../cli/log-line.ts";
import { deliveryLine } from "../../cli/messages.ts";
import { plain } from "../../cli/output.ts";
import { queueSheet, queueTable } from "../../cli/queue-view.ts";
import { reportOf, statusText } from "../../cli/status.ts";
import type { ClusterInfo, MemberInfo, QueueInfo } from "../../client/index.ts";

const info: QueueInfo = {
  id: 3,
  name: "orders",
  options: {
    ordering: "KEY",
    maxInFlightPerKey: 1,
    leaseMs: 30_000,
    maxAttempts: 5,
    retry: { initialMs: 1_000, multiplier: 2, maxMs: 60_000 },
    onExhausted: "DEAD_LETTER",
    deadLetterQueue: "dead",
    maxMessages: 0,
    maxBytes: 1_000_000,
    maxMessageBytes: 1_048_576,
    paused: false,
    labels: { team: "ledger" },
    messageTtlMs: 0,
    onExpiry: "REFUSE",
    dedupWindowMs: 0,
    orderedDelay: "REJECT",
    maxMessagesPerKey: 0,
    maxBytesPerKey: 0,
    historyMs: 0,
  },
  revision: 2,
  createdAtMs: 0,
  ready: 1_200,
  leased: 3,
  retrying: 0,
  parked: 1,
  delayed: 0,
  bytes: 2_048,
  activeKeys: 7,
  parkedKeys: 1,
  pausedKeys: 0,
  consumers: 4,
  enqueued: 5_000,
  acked: 3_796,
  deadLettered: 0,
  discarded: 0,
  expired: 0,
  cancelled: 0,
  skipped: 0,
  redriven: 0,
  deduplicated: 0,
  redeliveredNack: 2,
  redeliveredRelease: 0,
  redeliveredLeaseExpired: 1,
  redeliveredSessionEnded: 0,
  temporary: false,
  subscription: undefined,
};

describe("queues", () => {
  test("a list has one line per queue", () => {
    const [head, row] = queueTable([info]).split("\n");
    expect(head?.split(/\s+/)).toEqual([
      "queue",
      "ordering",
      "ready",
      "delayed",
      "leased",
      "retrying",
      "parked",
      "bytes",
      "keys",
      "consumers",
      "acked",
    ]);
    expect(row?.split(/\s{2,}/)).toEqual([
      "orders",
      "key",
      "1,200",
      "0",
      "3",
      "0",
      "1",
      "2.0 KiB",
      "7",
      "4",
      "3,796",
    ]);
  });

  test("no queues: what to do", () => {
    expect(queueTable([])).toContain("raftq queue create");
  });

  test("a queue tells where its failures go and why things came again", () => {
    const text = queueSheet(info);
    expect(text).toContain("after 5 failures: dead-letter (dead letters go to dead)");
    expect(text).toContain("3: 2 nack, 0 release, 1 lease expired, 0 session ended");
    expect(text).toContain("any number of messages, at most 1,000,000 bytes");
  });
});

function member(nodeId: number, own: Partial<MemberInfo> = {}): MemberInfo {
  return {
    nodeId,
    endpoint: `h:${nodeId}`,
    role: "FOLLOWER",
    voter: true,
    matchIndex: -1,
    lag: -1,
    lastHeardMs: -1,
    commitIndex: -1,
    appliedIndex: -1,
    lastIndex: -1,
    firstIndex: -1,
    stateDigest: "",
    peerAddress: `p:${nodeId}`,
    incarnation: "",
    caughtUp: false,
    roundMs: -1,
    rulesVersion: -1,
    rulesVersionMax: -1,
    diskFreeBytes: -1,
    diskLow: false,
    ...own,
  };
}

function view(
  nodeId: number,
  leaderId: number | undefined,
  members: MemberInfo[],
  term = 4,
): ClusterInfo {
  return {
    clusterId: "c",
    nodeId,
    leader:
      leaderId === undefined ? undefined : { nodeId: leaderId, endpoint: `h:${leaderId}`, term },
    members,
    version: "0.1.0",
    membershipIndex: 7,
    membershipCommitted: true,
    transferTo: 0,
  };
}

const own = {
  role: "FOLLOWER",
  commitIndex: 9,
  appliedIndex: 9,
  lastIndex: 9,
  stateDigest: "aa",
} as const;

describe("status", () => {
  test("each row comes from the node itself; lag comes from the leader", () => {
    const report = reportOf([
      view(1, 2, [member(1, own), member(2), member(3)]),
      view(2, 2, [
        member(1, { lag: 5 }),
        member(2, { ...own, role: "LEADER" }),
        member(3, { lag: 70 }),
      ]),
    ]);
    expect(report.leader?.nodeId).toBe(2);
    expect(report.members.map(({ role, lag, appliedIndex }) => [role, lag, appliedIndex])).toEqual([
      ["follower", 5, 9],
      ["leader", -1, 9],
      ["unreachable", 70, -1],
    ]);
    expect(report.digestsDiffer).toBe(false);
    expect(statusText(report, plain)).toContain("node 2 (h:2), term 4");
  });

  test("a leader that only others name is none: it may be dead", () => {
    const report = reportOf([view(1, 2, [member(1, own), member(2)])]);
    expect(report.leader).toBeUndefined();
    expect(statusText(report, plain)).toContain("none");
  });

  test("of two that claim to lead, the later term does", () => {
    const report = reportOf([
      view(1, 1, [member(1, { ...own, role: "LEADER" }), member(2)], 4),
      view(2, 2, [member(1), member(2, { ...own, role: "LEADER" })], 5),
    ]);
    expect(report.leader).toMatchObject({ nodeId: 2, term: 5 });
  });

  test("rules that are not in force yet, and a full disk, are seen", () => {
    const upgraded = { ...own, rulesVersion: 1, rulesVersionMax: 2, diskFreeBytes: 5 * 2 ** 20 };
    const text = statusText(
      reportOf([
        view(1, 1, [
          member(1, { ...upgraded, rulesVersionMax: 1 }),
          member(2, { ...upgraded, diskLow: true }),
        ]),
      ]),
      plain,
    );
    expect(text).toMatch(/ 1 +5 MiB\n/);
    expect(text).toMatch(/ 1 of 2 +5 MiB LOW$/);
  });

  test("learners, a change that is not committed and a transfer are told", () => {
    const members = [
      member(1, { ...own, role: "LEADER" }),
      member(2, { voter: false, role: "LEARNER", caughtUp: true }),
      member(3, { voter: false, role: "LEARNER" }),
    ];
    const leader = view(1, 1, members);
    const learners = [2, 3].map((id) => view(id, 1, [member(id, { ...own, voter: false })]));
    const report = reportOf([
      { ...leader, membershipCommitted: false, transferTo: 2 },
      ...learners,
    ]);
    expect(report.members.map(({ role }) => role)).toEqual([
      "leader",
      "learner, caught up",
      "learner",
    ]);
    const text = statusText(report, plain);
    expect(text).toContain("1 voter, 2 learners (since log index 7, not committed yet)");
    expect(text).toContain("leadership is going to node 2");
    const down = reportOf([leader]).members.map(({ role }) => role);
    expect(down).toEqual(["leader", "unreachable learner", "unreachable learner"]);
  });

  test("different states at one index are shouted about", () => {
    const report = reportOf([
      view(1, 1, [member(1, own), member(2)]),
      view(2, 1, [member(1), member(2, { ...own, stateDigest: "bb" })]),
    ]);
    expect(report.digestsDiffer).toBe(true);
    expect(statusText(report, plain)).toContain("STATE DIFFERS");
  });
});

describe("messages", () => {
  const message = {
    messageId: "1/a/1",
    key: "a",
    keySeq: 1,
    seq: 1,
    attempts: 0,
    deliveries: 1,
    redelivery: "",
    headers: {},
    enqueuedAt: new Date(0),
  };
  type Received = Parameters<typeof deliveryLine>[1];
  const delivery = (body: Uint8Array, more: object = {}): Received =>
    ({ value: body, message: { ...message, ...more }, fencingToken: 17 }) as unknown as Received;

  test("for people: text made harmless, bytes only counted", () => {
    expect(deliveryLine({ json: false }, delivery(Buffer.from("a\u001b[1m")))).toBe(
      "1/a/1  a\\x1b[1m",
    );
    expect(deliveryLine({ json: false }, delivery(Buffer.from([0xff, 0xfe])))).toBe(
      "1/a/1  <2 bytes>",
    );
    expect(deliveryLine({ json: false }, delivery(Buffer.from("x"), { deliveries: 2 }))).toContain(
      "(delivery 2)",
    );
  });

  test("for scripts: text as body, anything else as bodyBase64, no byte lost", () => {
    const text = JSON.parse(deliveryLine({ json: true }, delivery(Buffer.from("é\n")))) as object;
    expect(text).toMatchObject({ body: "é\n", fencingToken: 17, key: "a" });
    const bytes = JSON.parse(deliveryLine({ json: true }, delivery(Buffer.from([0xff])))) as object;
    expect(bytes).toMatchObject({ bodyBase64: "/w==" });
    expect(bytes).not.toHaveProperty("body");
  });
});

describe("server logs", () => {
  test("message, then fields; what every line repeats is left out", () => {
    const text =
      '{"level":30,"time":0,"node":2,"msg":"leader in term 3","role":"leader","cause":"won"}';
    expect(logLine(2, text, plain)).toMatch(
      /^\d\d:\d\d:\d\d {2}node 2 {2}leader in term 3 {2}cause=won$/,
    );
  });

  test("news is a change of role, a warning, and whatever is no log line", () => {
    expect(isNews('{"level":30,"msg":"leader in term 3","role":"leader"}')).toBe(true);
    expect(isNews('{"level":40,"msg":"slow disk"}')).toBe(true);
    expect(isNews("Error: out of memory")).toBe(true);
    expect(isNews('{"level":30,"msg":"peer link open"}')).toBe(false);
  });

  test("an error shows its message", () => {
    const line = logLine(
      1,
      '{"level":60,"time":0,"msg":"the node stops","err":{"message":"EIO"}}',
      plain,
    );
    expect(line).toContain("the node stops  (EIO)");
  });

  test.each(["Error: something", "[1]", "null", '"text"', "{broken"])("%s is passed on", (text) => {
    expect(logLine(1, text, plain)).toContain(text);
  });
});

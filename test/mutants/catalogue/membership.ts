// Bugs in changes of the membership, and in handing over.

import type { Mutant } from "../mutant.ts";

export const membershipMutants: readonly Mutant[] = [
  {
    name: "change-before-the-own-term-committed",
    trap: "C1",
    file: "raft/change.ts",
    find: `  if (core.commit < leader.firstIndex) return "term-not-committed";
`,
    replace: ``,
  },
  {
    name: "two-changes-at-a-time",
    trap: "R7",
    file: "raft/change.ts",
    find: `  if (core.isChangePending) return "change-pending";
`,
    replace: ``,
  },
  {
    name: "change-without-a-quorum-that-is-heard",
    trap: "C6",
    file: "raft/change.ts",
    find: `heard < quorumOf(voters.length)`,
    replace: `heard < 1`,
  },
  {
    name: "liveness-of-the-voters-before-the-change",
    trap: "C6",
    file: "raft/change.ts",
    find: `voters.filter(isHeard)`,
    replace: `core.memberships.current.voters.filter(isHeard)`,
  },
  {
    name: "removed-before-it-is-committed",
    trap: "C8",
    file: "raft/change.ts",
    find: `leader.leaving.length === 0 || core.isChangePending`,
    replace: `leader.leaving.length === 0`,
  },
  {
    name: "no-last-word-to-a-removed-member",
    trap: "A11",
    file: "raft/change.ts",
    find: `    if (peer.toldCommit < core.memberships.currentIndex) tellEnd(core, peer);
`,
    replace: ``,
  },
  {
    name: "removed-member-served-for-ever",
    trap: "A11",
    file: "raft/change.ts",
    find: `    leader.peers.delete(id);
`,
    replace: ``,
  },
  {
    name: "removed-leader-goes-on",
    trap: "C8",
    file: "raft/change.ts",
    find: `  if (leader.leaving.includes(core.id)) beginHandOver(core, leader, successor(core, leader));
`,
    replace: ``,
  },
  {
    name: "hands-over-to-the-last-in-the-row",
    trap: "C8",
    file: "raft/change.ts",
    find: `peer.match > best.match`,
    replace: `peer.match < best.match`,
  },
  {
    name: "read-waits-for-a-removed-member",
    trap: "D3",
    file: "raft/change.ts",
    find: `  confirmReads(core, leader);
`,
    replace: ``,
  },
  {
    name: "promoted-while-lagging",
    trap: "C6",
    file: "raft/change.ts",
    find: `    if (!learner.isCaughtUp(now, electionTicks, commit)) return "lagging";
`,
    replace: ``,
  },
  {
    name: "idle-learner-never-caught-up",
    trap: "C6",
    file: "raft/progress.ts",
    find: `match === logLast ? 0 : tick - this.#roundBeganAt`,
    replace: `tick - this.#roundBeganAt`,
  },
  {
    name: "slow-rounds-are-good-enough",
    trap: "C6",
    file: "raft/progress.ts",
    find: `roundTicks === undefined || roundTicks >= ticks`,
    replace: `roundTicks === undefined`,
  },
  {
    name: "hand-over-before-the-target-matches",
    trap: "D6",
    file: "raft/transfer.ts",
    find: `  if (leader.peers.get(under.to)?.match !== core.log.lastIndex) return;
`,
    replace: ``,
  },
  {
    name: "late-timeout-now-not-made-stale",
    trap: "D5",
    file: "raft/transfer.ts",
    find: `  appendNoop(core, leader);
`,
    replace: ``,
  },
  {
    name: "hand-over-given-up-at-once",
    trap: "D6",
    file: "raft/transfer.ts",
    find: `core.now - since < core.config.electionTicks`,
    replace: `core.now < since`,
  },
  {
    name: "hand-over-to-a-learner",
    trap: "D6",
    file: "raft/transfer.ts",
    find: `!isVoter(core.memberships.current, to)`,
    replace: `isVoter(core.memberships.current, -1)`,
  },
  {
    name: "writes-during-a-hand-over",
    trap: "D6",
    file: "raft/replication.ts",
    find: `  if (leader.handOver !== undefined) {`,
    replace: `  if (leader.handOver?.since === -1) {`,
  },
  {
    name: "removed-leader-counts-itself",
    trap: "C8",
    file: "raft/replication.ts",
    find: `  const { voters } = core.memberships.current;`,
    replace: `  const voters = [...new Set([...core.memberships.current.voters, core.id])];`,
  },
  {
    name: "stale-timeout-now-obeyed",
    trap: "D5",
    file: "raft/election.ts",
    find: `!isSame(core.log.last, message.last)`,
    replace: `!isAtLeastAsUpToDate(core.log.last, message.last)`,
  },
  {
    name: "only-a-committed-voter-campaigns",
    trap: "A12",
    file: "raft/core.ts",
    find: `previous !== undefined && isVoter(previous, this.id);`,
    replace: `isVoter(this.memberships.at(this.commit), this.id);`,
  },
  {
    name: "removed-member-campaigns",
    trap: "A11",
    file: "raft/core.ts",
    find: `return this.isChangePending && previous !== undefined`,
    replace: `return previous !== undefined`,
  },
  {
    name: "new-machine-takes-itself-for-removed",
    trap: "A11",
    file: "raft/core.ts",
    find: `!this.isChangePending && memberships.hasHad(id)`,
    replace: `!this.isChangePending`,
  },
  {
    name: "new-leader-forgets-who-is-leaving",
    trap: "C8",
    file: "raft/leader.ts",
    find: `[...membersOf(core.memberships.current), ...leaving]`,
    replace: `[...membersOf(core.memberships.current), ...leaving.slice(leaving.length)]`,
  },
  {
    name: "two-voters-changed-at-once-accepted",
    trap: "C2",
    file: "raft/membership.ts",
    find: `votersApart(this.current, membership) <= 1`,
    replace: `votersApart(this.current, membership) <= 9`,
  },
  {
    name: "transfer-does-not-bypass-stickiness",
    trap: "D6",
    file: "raft/raft.ts",
    find: `if (!message.transfer && election.isSticky(core))`,
    replace: `if (election.isSticky(core))`,
  },
];

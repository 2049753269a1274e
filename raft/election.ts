// Elections (§5.2, §5.4.1) with PreVote (thesis §9.6) and vote stickiness (§4.2.3).
//   V1. A vote is durable before it is told, the own one before it is counted (A1).
//   V2. A voter votes only for a log at least as up-to-date as its own, by (term, index) (§5.4.1, A4).
//   V3. Handling a PreVote request changes nothing (A6); a refusal carries the voter's term (A7).
//   V4. Who has heard a leader within the minimum election time-out helps nobody to depose it (A8, A10, A11), except at that
//       leader's own request (D6).
//   V5. A vote is given to whoever asks and deserves it, voter or not in the receiver's view (C5): the candidate's own
//       membership decides what is counted.

import type { Core } from "./core.ts";
import { becomeLeader } from "./leader.ts";
import { isAtLeastAsUpToDate, isSame } from "./log.ts";
import type {
  PreVoteReply,
  PreVoteRequest,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from "./message.ts";
import { voteOutcome } from "./quorum.ts";
import type { Candidate, Follower, PreCandidate } from "./role.ts";
import type { NodeId } from "./types.ts";

export function tickElection(core: Core, role: Follower | PreCandidate | Candidate): void {
  if (core.now - role.since < role.timeoutTicks || !core.mayCampaign) return;
  switch (role.kind) {
    case "follower":
      startPreVote(
        core,
        role.hurriedPreVotes,
        role.hurriedPreVotes > 0
          ? "the leader's process is gone"
          : "no leader was heard for an election time-out",
      );
      return;
    case "pre-candidate":
      startPreVote(core, role.hurriedPreVotes - 1, "the pre-vote was not won in time");
      return;
    case "candidate":
      startPreVote(
        core,
        role.hurriedPreVotes - core.delays.hurriedElectionCost,
        "the election was not won in time",
      );
      return;
  }
}

/**
 * The leader's process is gone, says its closed connection. Stickiness is dropped, and a PreVote follows after a short
 * random time: two followers get the hint together, and would split the vote if they used it together. A voter that has not
 * got the hint yet refuses, so the PreVote is repeated at short intervals until its stickiness would have ended anyway.
 */
export function onLeaderGone(core: Core): void {
  if (core.role.kind !== "follower" || core.role.leader === undefined) return;
  core.become(
    {
      kind: "follower",
      leader: undefined,
      heardAt: undefined,
      since: core.now,
      timeoutTicks: Math.floor(core.config.random() * core.delays.hintTicks),
      hurriedPreVotes: core.delays.hurriedPreVotes,
      receiving: undefined,
    },
    "the leader's process is gone",
  );
}

function startPreVote(core: Core, hurriedLeft: number, cause: string): void {
  const hurriedPreVotes = Math.max(hurriedLeft, 0);
  const { electionTicks } = core.config;
  const ticks = hurriedPreVotes > 0 ? core.delays.hurriedPreVoteTicks : electionTicks;
  const role: PreCandidate = {
    kind: "pre-candidate",
    since: core.now,
    timeoutTicks: core.drawTicks(ticks),
    hurriedPreVotes,
    votes: new Map([[core.id, true]]),
  };
  core.become(role, cause);
  for (const to of otherVoters(core)) {
    core.send({
      kind: "pre-vote-request",
      from: core.id,
      to,
      term: core.term + 1,
      last: core.log.last,
    });
  }
  countPreVotes(core, role);
}

function startElection(
  core: Core,
  transfer: boolean,
  hurriedPreVotes: number,
  cause: string,
): void {
  core.setTerm(core.term + 1, core.id);
  const { electionTicks } = core.config;
  const ticks = hurriedPreVotes > 0 ? core.delays.hurriedElectionTicks : electionTicks;
  core.become(
    {
      kind: "candidate",
      since: core.now,
      timeoutTicks: core.drawTicks(ticks),
      hurriedPreVotes,
      votes: new Map(),
      ownVoteSequence: core.sequence + 1,
    },
    cause,
  );
  for (const to of otherVoters(core)) {
    // After the disk (V1). The log that the request speaks of is then durable too: a candidate that forgot some of it in a
    // crash must not win with votes given to the longer log.
    core.sendAfterPersist({
      kind: "vote-request",
      from: core.id,
      to,
      term: core.term,
      last: core.log.last,
      transfer,
    });
  }
}

function otherVoters(core: Core): NodeId[] {
  return core.memberships.current.voters.filter((id) => id !== core.id);
}

export function onPreVoteRequest(core: Core, message: PreVoteRequest): void {
  const granted =
    message.term > core.term && !isSticky(core) && isAtLeastAsUpToDate(message.last, core.log.last);
  core.reply({
    kind: "pre-vote-reply",
    from: core.id,
    to: message.from,
    term: granted ? message.term : core.term,
    granted,
  });
}

/** V4: has this node, or is it itself, a leader that was alive a moment ago? */
export function isSticky(core: Core): boolean {
  const { role } = core;
  if (role.kind === "leader") return true;
  if (role.kind !== "follower" || role.heardAt === undefined) return false;
  return core.now - role.heardAt < core.config.electionTicks;
}

export function onPreVoteReply(core: Core, role: PreCandidate, message: PreVoteReply): void {
  // A grant of another term answers an older question.
  if (message.granted && message.term !== core.term + 1) return;
  if (!role.votes.has(message.from)) role.votes.set(message.from, message.granted);
  countPreVotes(core, role);
}

function countPreVotes(core: Core, role: PreCandidate): void {
  if (voteOutcome(core.memberships.current.voters, role.votes) === "won") {
    startElection(core, false, role.hurriedPreVotes, "won the pre-vote");
  }
}

export function onVoteRequest(core: Core, message: VoteRequest): void {
  const { from } = message;
  const isFree = core.vote === undefined && core.leader === undefined;
  const granted =
    message.term === core.term &&
    (core.vote === from || isFree) &&
    isAtLeastAsUpToDate(message.last, core.log.last);
  if (granted) {
    core.giveVote(from);
    // Give the candidate time (§5.2: "granting vote to candidate" restarts the election time-out).
    if (core.role.kind === "follower") core.role.since = core.now;
    if (core.role.kind === "pre-candidate") {
      core.becomeFollower(core.term, undefined, `voted for ${from}`);
    }
  }
  core.sendAfterPersist({
    kind: "vote-reply",
    from: core.id,
    to: from,
    term: core.term,
    granted,
  });
}

export function onVoteReply(core: Core, role: Candidate, message: VoteReply): void {
  if (!role.votes.has(message.from)) role.votes.set(message.from, message.granted);
  countVotes(core, role);
}

/** V1: the own vote counts from now on. */
export function onOwnVoteDurable(core: Core, role: Candidate, sequence: number): void {
  if (sequence < role.ownVoteSequence || role.votes.has(core.id)) return;
  role.votes.set(core.id, true);
  countVotes(core, role);
}

function countVotes(core: Core, role: Candidate): void {
  if (voteOutcome(core.memberships.current.voters, role.votes) === "won") {
    becomeLeader(core, "won the election");
  }
}

/**
 * The leader hands over (§3.10 of the thesis): no PreVote, no stickiness. A late request of another term does not come here
 * (T5, T6). It is void unless this log ends where the leader's did: a shorter one could lose, and a longer one shows that the
 * leader has given up waiting and gone on (D5, TR4).
 */
export function onTimeoutNow(core: Core, message: TimeoutNow): void {
  if (core.role.kind !== "follower" || core.role.leader !== message.from) return;
  if (!core.mayCampaign || !isSame(core.log.last, message.last)) return;
  startElection(core, true, 0, `leader ${message.from} hands over`);
}

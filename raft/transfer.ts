// Leadership transfer (§3.10 of the thesis), at an operator's wish, or because the leader has removed itself (CH5).
//   TR1. While it is under way nothing is appended, so that the target can catch up (D6).
//   TR2. The target is told to campaign once, and only when it holds the whole log durably: with the leader silent, it wins.
//   TR3. It is given up after an election time-out, which is how long clients wait at most (D6).
//   TR4. When it is given up a noop is appended first of all: a word in flight to the target names an end of the log that is
//        none any more (D5), and whoever waits for this to be over sees an entry applied. A word that comes late, but before the noop, costs a needless election: without a clock in
//        common nothing tells it from one in time.
//   TR5. No membership change begins while one is under way, and none is uncommitted when it begins.

import type { Core } from "./core.ts";
import { isVoter } from "./membership.ts";
import type { TransferOutcome } from "./output.ts";
import { appendNoop } from "./replication.ts";
import type { Leader } from "./role.ts";
import type { NodeId } from "./types.ts";

export function transfer(core: Core, to: NodeId): void {
  core.out.transfer = begin(core, to);
}

function begin(core: Core, to: NodeId): TransferOutcome {
  if (core.role.kind !== "leader") return { kind: "refused", reason: "not-leader" };
  const leader = core.role;
  if (leader.handOver !== undefined) return { kind: "refused", reason: "transferring" };
  if (to === core.id) return { kind: "refused", reason: "is-leader" };
  const peer = leader.peers.get(to);
  if (peer === undefined || !isVoter(core.memberships.current, to)) {
    return { kind: "refused", reason: "not-a-voter" };
  }
  if (core.isChangePending) return { kind: "refused", reason: "change-pending" };
  if (!peer.isAlive(core.now, core.config.electionTicks)) {
    return { kind: "refused", reason: "unreachable" };
  }
  beginHandOver(core, leader, to);
  return { kind: "started" };
}

export function beginHandOver(core: Core, leader: Leader, to: NodeId): void {
  leader.handOver = { to, since: core.now, told: false };
}

/** After every step of a leader: TR2. */
export function handOver(core: Core, leader: Leader): void {
  const under = leader.handOver;
  if (under === undefined || under.told) return;
  if (leader.peers.get(under.to)?.match !== core.log.lastIndex) return;
  under.told = true;
  core.send({
    kind: "timeout-now",
    from: core.id,
    to: under.to,
    term: core.term,
    last: core.log.last,
  });
  // CH5: nobody of the new membership would tell this node that it is succeeded.
  if (!isVoter(core.memberships.current, core.id)) {
    core.becomeFollower(
      core.term,
      undefined,
      `removed from the cluster; hands over to ${under.to}`,
    );
  }
}

/** TR3: true when leadership ended with it. */
export function giveUpHandOver(
  core: Core,
  leader: Leader,
  { to, since }: NonNullable<Leader["handOver"]>,
): boolean {
  if (core.now - since < core.config.electionTicks) return false;
  if (!isVoter(core.memberships.current, core.id)) {
    core.becomeFollower(core.term, undefined, `removed from the cluster; ${to} is not ready`);
    return true;
  }
  leader.handOver = undefined;
  appendNoop(core, leader);
  return false;
}

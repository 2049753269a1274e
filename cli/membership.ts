// What takes more than one call: a learner that becomes a voter as soon as it may, a node that takes the place of another one.

import { setTimeout as sleep } from "node:timers/promises";
import { QueueError, type Client, type NewMember } from "../client/index.ts";
import { CommandError, exitCodes } from "./failure.ts";

const lookEveryMs = 200;

/** How far a learner is, told while it catches up. `lag`: entries that it lacks; -1: unknown. */
export type Progress = (nodeId: number, lag: number) => void;

/**
 * Promotes a learner, waiting until it has caught up. `false`: it was a voter already.
 * @throws {CommandError} when it has not caught up in time, {QueueError} for every other refusal.
 */
export async function promoteWhenReady(
  client: Client,
  nodeId: number,
  timeoutMs: number,
  progress: Progress = () => undefined,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return (await client.promote(nodeId)).changed;
    } catch (error) {
      if (!(error instanceof QueueError) || !isForLater(error)) throw error;
      if (Date.now() + lookEveryMs > deadline) {
        throw new CommandError(
          `node ${nodeId} did not become a voter in ${timeoutMs} ms and is still a learner: ${error.message}`,
          exitCodes.unreachable,
          error,
        );
      }
      progress(nodeId, await lagOf(client, nodeId));
      await sleep(lookEveryMs);
    }
  }
}

/** What time alone can change. A learner that has only just been added may be not heard yet, and then counts as silent. */
function isForLater({ reason }: QueueError): boolean {
  return reason === "MEMBER_LAGGING" || reason === "MEMBERSHIP_CHANGE_PENDING";
}

async function lagOf(client: Client, nodeId: number): Promise<number> {
  const { leader } = await client.cluster();
  if (leader === undefined) return -1;
  const { members } = await client.cluster(leader.endpoint);
  return members.find((member) => member.nodeId === nodeId)?.lag ?? -1;
}

export type MembershipStep = "added" | "promoted" | "removed";

/**
 * Adds `next`, promotes it when it has caught up, removes `old`: in this order, so that no vote is missing meanwhile. Each step
 * is a success when it was done before: the whole may be run again after an interruption.
 */
export async function replaceMember(
  client: Client,
  old: number,
  next: NewMember,
  timeoutMs: number,
  told: (step: MembershipStep, changed: boolean) => Promise<void>,
  progress: Progress,
): Promise<void> {
  await checkReplaceable(client, old, next);
  await told("added", (await client.addLearner(next)).changed);
  await told("promoted", await promoteWhenReady(client, next.nodeId, timeoutMs, progress));
  await told("removed", (await client.removeMember(old)).changed);
}

/** Before anything is changed: a slip of the hand in OLD would leave a member too many. */
async function checkReplaceable(client: Client, old: number, next: NewMember): Promise<void> {
  if (old === next.nodeId) {
    throw new CommandError(
      `--with: node ${old} cannot take its own place: a new disk needs a number that was never used`,
      exitCodes.usage,
    );
  }
  const { members } = await client.cluster();
  const isMember = (id: number): boolean => members.some((member) => member.nodeId === id);
  // Without both it was interrupted after its last step, or never begun.
  if (isMember(old) || isMember(next.nodeId)) return;
  throw new CommandError(
    `node ${old} is no member; members: ${members.map((member) => member.nodeId).join(", ")}`,
  );
}

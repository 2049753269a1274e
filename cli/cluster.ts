// `raftq cluster …`: members come and go while the cluster serves.

import type { Command } from "commander";
import type { NewMember } from "../client/index.ts";
import { nodeIdMax, parseMember } from "../node/index.ts";
import { UsageError } from "./failure.ts";
import {
  promoteWhenReady,
  replaceMember,
  type MembershipStep,
  type Progress,
} from "./membership.ts";
import { grouped, print } from "./output.ts";
import { remoteOf, wholeNumber, withClient, type Remote } from "./remote.ts";
import { addStatusCommand } from "./status.ts";

const waitSecondsDefault = "600";
/** Between two lines of progress where they cannot overwrite each other. */
const progressEveryMs = 5_000;

interface WaitFlags {
  readonly waitSeconds: string;
}

export function addClusterCommand(program: Command): void {
  const cluster = program
    .command("cluster")
    .description("members: add, promote, remove, replace; hand leadership over; status")
    .addHelpText(
      "after",
      `
Examples:
  raftq server --join --node-id 4 --cluster-id prod --listen host4:7400 --peer-listen host4:7401
  raftq cluster add 4=host4:7401/host4:7400 --promote
  raftq cluster replace 2 --with 5=host5:7401/host5:7400
  raftq cluster remove 3
  raftq cluster transfer 4

A node id is used once: a machine that lost its disk comes back under a new one. docs/operations.md tells more.`,
    );
  addStatusCommand(cluster);
  addAdd(cluster);
  addPromote(cluster);
  addRemove(cluster);
  addReplace(cluster);
  addTransfer(cluster);
}

function addAdd(cluster: Command): void {
  const add = cluster
    .command("add")
    .argument("<id=peer/client>", "the node's number, and where members and clients reach it")
    .description("add a learner: it gets everything and does not vote; the same again is no error")
    .option("--promote", "wait until it has caught up, and make it a voter", false)
    .option("--wait-seconds <s>", "wait at most so long", waitSecondsDefault);
  add.action(async (text: string, flags: WaitFlags & { readonly promote: boolean }) => {
    const remote = remoteOf(add);
    const member = newMember("<id=peer/client>", text);
    const waitMs = waitMsOf(flags);
    await withClient(remote, async (client) => {
      const { changed } = await client.addLearner(member);
      await say(remote, member.nodeId, "added", changed);
      if (!flags.promote) return;
      const progress = progressOf(remote);
      const promoted = await promoteWhenReady(client, member.nodeId, waitMs, progress);
      await say(remote, member.nodeId, "promoted", promoted);
    });
  });
}

function addPromote(cluster: Command): void {
  const promote = cluster
    .command("promote")
    .argument("<id>")
    .description("make a learner a voter; refused while it lags")
    .option("--wait-seconds <s>", "wait so long until it has caught up", "0");
  promote.action(async (text: string, flags: WaitFlags) => {
    const remote = remoteOf(promote);
    const id = nodeIdOf(text);
    const waitMs = waitMsOf(flags);
    await withClient(remote, async (client) => {
      const changed =
        waitMs === 0
          ? (await client.promote(id)).changed
          : await promoteWhenReady(client, id, waitMs, progressOf(remote));
      await say(remote, id, "promoted", changed);
    });
  });
}

function addRemove(cluster: Command): void {
  const remove = cluster
    .command("remove")
    .argument("<id>")
    .description("remove a member, also a dead one or the leader; its number is used up")
    .addHelpText("after", "\nRefused when the voters that answer would be no majority afterwards.");
  remove.action(async (text: string) => {
    const remote = remoteOf(remove);
    const id = nodeIdOf(text);
    await withClient(remote, async (client) => {
      await say(remote, id, "removed", (await client.removeMember(id)).changed);
    });
  });
}

function addReplace(cluster: Command): void {
  const replace = cluster
    .command("replace")
    .argument("<old>", "the member that goes, dead or alive")
    .requiredOption("--with <id=peer/client>", "the new node, started with `raftq server --join`")
    .option("--wait-seconds <s>", "wait at most so long until it has caught up", waitSecondsDefault)
    .description("add the new node, wait, promote it, remove the old one; may be run again");
  replace.action(async (text: string, flags: WaitFlags & { readonly with: string }) => {
    const remote = remoteOf(replace);
    const old = nodeIdOf(text);
    const next = newMember("--with", flags.with);
    const waitMs = waitMsOf(flags);
    const told = async (step: MembershipStep, changed: boolean): Promise<void> =>
      say(remote, step === "removed" ? old : next.nodeId, step, changed);
    await withClient(remote, (client) =>
      replaceMember(client, old, next, waitMs, told, progressOf(remote)),
    );
  });
}

function addTransfer(cluster: Command): void {
  const transfer = cluster
    .command("transfer")
    .argument("[id]", "default: the voter that has most of the log")
    .description("hand leadership over, say before the leader's machine is restarted");
  transfer.action(async (text: string | undefined) => {
    const remote = remoteOf(transfer);
    const id = text === undefined ? 0 : nodeIdOf(text);
    await withClient(remote, async (client) => {
      const leader = await client.transferLeadership(id);
      await print(
        remote.json
          ? JSON.stringify(leader)
          : `node ${leader.nodeId} (${leader.endpoint}) leads in term ${leader.term}`,
      );
    });
  });
}

function nodeIdOf(text: string): number {
  return wholeNumber("<id>", text, 1, nodeIdMax);
}

function waitMsOf({ waitSeconds }: WaitFlags): number {
  return 1_000 * wholeNumber("--wait-seconds", waitSeconds, 0, 86_400);
}

function newMember(option: string, text: string): NewMember {
  const member = parseMember(text);
  if (member === undefined) {
    throw new UsageError(
      `${option}: is ${text}; expected ID=PEER_HOST:PORT/CLIENT_HOST:PORT, as in 4=host4:7401/host4:7400`,
    );
  }
  return { nodeId: member.id, peerAddress: member.peer, clientAddress: member.client };
}

const sentences: Readonly<Record<MembershipStep, readonly [done: string, before: string]>> = {
  added: ["added as a learner", "is a member already"],
  promoted: ["promoted, it votes now", "is a voter already"],
  removed: ["removed; its number is used up, and its process ends by itself", "was removed before"],
};

async function say(
  remote: Remote,
  nodeId: number,
  step: MembershipStep,
  changed: boolean,
): Promise<void> {
  await print(
    remote.json
      ? JSON.stringify({ nodeId, step, changed })
      : `node ${nodeId}: ${sentences[step][changed ? 0 : 1]}`,
  );
}

/** On standard error, for people: one line that is written over on a terminal, else now and then a line. */
function progressOf({ json }: Remote): Progress {
  let saidAt = -Infinity;
  return (nodeId, lag) => {
    const isTerminal = process.stderr.isTTY;
    const now = performance.now();
    if (json || (!isTerminal && now - saidAt < progressEveryMs)) return;
    saidAt = now;
    const behind = lag < 0 ? "not heard yet" : `${grouped(lag)} entries behind`;
    const line = `node ${nodeId}: catching up, ${behind}`;
    process.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  };
}

// `raftq recover`: what is left when a majority of the voters is lost for good. Without --unsafe it only looks.

import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { recoverDirectory, type Survivor } from "../node/index.ts";
import { CommandError, UsageError } from "./failure.ts";
import { grouped, painter, print, sheet, type Paint } from "./output.ts";

interface RecoverFlags {
  readonly data: string;
  readonly unsafe: boolean;
  readonly newClusterId?: string;
  readonly yes: boolean;
}

export function addRecoverCommand(program: Command): void {
  program
    .command("recover")
    .description("make one survivor a cluster of its own, when a majority is lost for good")
    .requiredOption("--data <dir>", "the data directory of the survivor; its node must not run")
    .option("--unsafe", "do it; without this, only say what the node has", false)
    .option("--new-cluster-id <text>", "default: the old one with -recovered behind it")
    .option("--yes", "do not ask", false)
    .addHelpText(
      "after",
      `
Acknowledged messages that this node never received are lost. Look at all survivors first, and take the one with the
highest last term, among these the one with the highest last index. docs/operations.md tells more.

Examples:
  raftq recover --data /var/lib/raftq
  raftq recover --data /var/lib/raftq --unsafe`,
    )
    .action(async (flags: RecoverFlags) => {
      await recoverNode(flags);
    });
}

async function recoverNode(flags: RecoverFlags): Promise<void> {
  const { data, newClusterId } = flags;
  const paint = painter(process.stdout, process.env);
  const { survivor, done } = await recoverDirectory(data, {
    newClusterId,
    confirm: async (found) => {
      await print(survivorText(found, paint));
      if (!flags.unsafe) return false;
      if (!flags.yes) await ask(found);
      return true;
    },
  });
  if (done) await print(`\n${paint.good("recovered:")} ${nextSteps(survivor, data)}`);
  else await print("\nNothing was changed. Add --unsafe to make this node a cluster of its own.");
}

export function survivorText(survivor: Survivor, paint: Paint): string {
  const { nodeId, lastIndex, applied, members, voters } = survivor;
  const others = members.filter(({ id }) => id !== nodeId);
  const named = others.map(
    ({ id, peer }) => `${id}${voters.includes(id) ? "" : " (learner)"}${peer && ` at ${peer}`}`,
  );
  const facts = sheet(
    [
      ["node", `${nodeId} of cluster ${survivor.clusterId}, in term ${survivor.term}`],
      ["last entry", `index ${grouped(lastIndex)}, term ${survivor.lastTerm}`],
      [
        "committed",
        `at least through ${grouped(applied)}; ${grouped(lastIndex - applied)} later entries are kept, committed or not`,
      ],
      ["voters", voters.join(", ")],
      ["dropped", named.length === 0 ? "nobody" : `${named.join(", ")}: their numbers are used up`],
      ["new cluster", survivor.newClusterId],
    ],
    paint,
  );
  const lost = paint.warn(
    `Lost: whatever was acknowledged behind index ${grouped(lastIndex)}, which this node never received; how much that is cannot be known here.`,
  );
  const resumed = "A recovery was begun before and is finished now.";
  return [facts, "", ...(survivor.resumed ? [resumed] : []), lost].join("\n");
}

async function ask({ clusterId }: Survivor): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError("--unsafe: add --yes where nobody can be asked");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`\nType the cluster id ${clusterId} to go on: `);
    if (answer.trim() !== clusterId) throw new CommandError("nothing was changed");
  } finally {
    terminal.close();
  }
}

function nextSteps(survivor: Survivor, data: string): string {
  const { nodeId, newClusterId, members, freshId: fresh } = survivor;
  const own = members.find(({ id }) => id === nodeId);
  return [
    `node ${nodeId} is now all of cluster ${newClusterId}. Start it:`,
    `  raftq server --cluster-id ${newClusterId} --node-id ${nodeId} --data ${data} --listen ${own?.client || "HOST:PORT"} --peer-listen ${own?.peer || "HOST:PORT"}`,
    "Then add others, each under a number that was never used, with an empty data directory:",
    `  raftq server --cluster-id ${newClusterId} --node-id ${fresh} --join …`,
    `  raftq cluster add ${fresh}=HOST:PEER_PORT/HOST:PORT --promote`,
    "Nodes of the old cluster are refused: wipe them before they join again.",
  ].join("\n");
}

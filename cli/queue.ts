// `raftq queue …`: queues as resources.

import { Option, type Command } from "commander";
import type { QueueInfo } from "../client/index.ts";
import { confirm } from "./confirm.ts";
import { UsageError } from "./failure.ts";
import { grouped, print } from "./output.ts";
import { addOptionFlags, optionalNumber, queueOptions, type QueueFlags } from "./queue-options.ts";
import { addDecidingCommands } from "./queue-deciding.ts";
import { addLookingCommands } from "./queue-looking.ts";
import { depthOf, queueSheet, queueTable } from "./queue-view.ts";
import { remoteOf, withClient } from "./remote.ts";

const examples = `
Examples:
  raftq queue create orders --on-exhausted dead-letter --dead-letter-queue dead --history-ms 86400000
  raftq queue keys orders --state parked
  raftq queue resolve orders account-1 --retry
  raftq queue redrive dead --from orders --rate 100
  raftq queue peek orders --key account-1 --max 10
  raftq queue purge orders --key account-1 --dry-run`;

export function addQueueCommand(program: Command): void {
  const queue = program
    .command("queue")
    .description("queues: create, change, look into, decide about parked messages")
    .addHelpText("after", examples);

  const create = queue
    .command("create")
    .argument("<name>")
    .description("create a queue; the same again is no error, other options are")
    .addOption(
      new Option("--ordering <order>", "key: per key; total: one sequence; none (default key)"),
    );
  addOptionFlags(create).action(async (name: string, flags: QueueFlags) => {
    const remote = remoteOf(create);
    const options = queueOptions(flags);
    await withClient(remote, async (client) => {
      const reply = await client.createQueue(name, options);
      await print(
        remote.json
          ? JSON.stringify(reply)
          : `${name}: ${reply.created ? "created" : "exists, with the same options"} (revision ${reply.queue.revision})`,
      );
    });
  });

  const list = queue
    .command("list")
    .description("all queues, with their depths")
    .option("--prefix <text>", "only names that begin with this");
  list.action(async ({ prefix }: { readonly prefix?: string }) => {
    const remote = remoteOf(list);
    await withClient(remote, async (client) => {
      const queues = await client.listQueues({ prefix });
      await print(remote.json ? JSON.stringify(queues) : queueTable(queues));
    });
  });

  const show = queue.command("show").argument("<name>").description("options and counters");
  show.action(async (name: string) => {
    const remote = remoteOf(show);
    await withClient(remote, async (client) => {
      const info = await client.getQueue(name);
      await print(remote.json ? JSON.stringify(info) : queueSheet(info));
    });
  });

  const update = queue
    .command("update")
    .argument("<name>")
    .description("change some options; the others stay")
    .option("--no-paused", "deliver again")
    .option("--revision <n>", "only if this is still the revision");
  addOptionFlags(update).action(
    async (name: string, flags: QueueFlags & { readonly revision?: string }) => {
      const remote = remoteOf(update);
      const changes = queueOptions(flags);
      if (Object.keys(changes).length === 0) throw new UsageError("nothing to change was given");
      const revision = optionalNumber("--revision", flags.revision, 1, Number.MAX_SAFE_INTEGER);
      await withClient(remote, async (client) => {
        const info = await client.updateQueue(name, changes, {
          ...(revision === undefined ? {} : { revision }),
        });
        await print(
          remote.json ? JSON.stringify(info) : `${name}: updated (revision ${info.revision})`,
        );
      });
    },
  );

  addDelete(queue);
  addLookingCommands(queue);
  addDecidingCommands(queue);
}

function addDelete(queue: Command): void {
  const remove = queue
    .command("delete")
    .argument("<name>")
    .description("delete a queue and all of its messages")
    .option("--yes", "do not ask", false)
    .option("--if-empty", "refuse while there are messages", false);
  remove.action(async (name: string, flags: { yes: boolean; ifEmpty: boolean }) => {
    const remote = remoteOf(remove);
    await withClient(remote, async (client) => {
      if (!flags.yes && !flags.ifEmpty) {
        await confirmDeletion(await client.getQueue(name));
      }
      await client.deleteQueue(name, { ifEmpty: flags.ifEmpty });
      await print(remote.json ? JSON.stringify({ deleted: name }) : `${name}: deleted`);
    });
  });
}

async function confirmDeletion(info: QueueInfo): Promise<void> {
  const depth = grouped(depthOf(info));
  await confirm({
    question: `Delete ${info.name} and its ${depth} messages?`,
    unattended: `${info.name} has ${depth} messages: add --yes to delete it`,
    word: info.name,
  });
}

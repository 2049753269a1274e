// `raftq queue …`: queues as resources.

import { createInterface } from "node:readline/promises";
import { Option, type Command } from "commander";
import type { QueueInfo } from "../client/index.ts";
import { CommandError, UsageError } from "./failure.ts";
import { grouped, print } from "./output.ts";
import { addOptionFlags, optionalNumber, queueOptions, type QueueFlags } from "./queue-options.ts";
import { queueSheet, queueTable } from "./queue-view.ts";
import { remoteOf, withClient } from "./remote.ts";

export function addQueueCommand(program: Command): void {
  const queue = program.command("queue").description("create, list, show, update, delete queues");

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

  const list = queue.command("list").description("all queues, with their depths");
  list.action(async () => {
    const remote = remoteOf(list);
    await withClient(remote, async (client) => {
      const queues = await client.listQueues();
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
  const depth = info.ready + info.leased + info.retrying + info.parked;
  if (!process.stdin.isTTY) {
    throw new UsageError(`${info.name} has ${grouped(depth)} messages: add --yes to delete it`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `Delete ${info.name} and its ${grouped(depth)} messages? Type its name: `,
    );
    if (answer.trim() !== info.name) throw new CommandError("not deleted");
  } finally {
    terminal.close();
  }
}

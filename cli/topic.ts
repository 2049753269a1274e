// `raftq topic …` and `raftq subscription …`. Publishing is `raftq enqueue TOPIC`; a subscription is a queue, and is shown,
// changed, consumed and deleted as one.

import type { Command } from "commander";
import type { StartFrom, TopicInfo, TopicOptions } from "../client/index.ts";
import { UsageError } from "./failure.ts";
import { byteSize, duration, grouped, painter, print, sheet, table } from "./output.ts";
import {
  addOptionFlags,
  collect,
  defined,
  optionalNumber,
  pairs,
  queueOptions,
  type QueueFlags,
} from "./queue-options.ts";
import { queueTable } from "./queue-view.ts";
import { remoteOf, wholeNumber, withClient } from "./remote.ts";

const dayMs = 86_400_000;

interface TopicFlags {
  readonly retentionMs?: string;
  readonly retentionBytes?: string;
  readonly maxMessageBytes?: string;
  readonly dedupWindowMs?: string;
  readonly label?: readonly string[];
}

function addTopicFlags(command: Command): Command {
  return command
    .option("--retention-ms <ms>", "keep messages so long, for replay; 0: no bound (default)")
    .option("--retention-bytes <n>", "keep so many bytes, for replay; 0: no bound (default)")
    .option("--max-message-bytes <n>", "largest message (default 1048576, at most 4194304)")
    .option(
      "--dedup-window-ms <ms>",
      "how long a --dedup-id is remembered; 0: not allowed (default)",
    )
    .option("--label <name=value>", "repeatable", collect)
    .addHelpText("after", "\nWithout --retention-ms and --retention-bytes nothing is kept.");
}

/** @throws {UsageError} naming the flag. */
export function topicOptions(flags: TopicFlags): Partial<TopicOptions> {
  const whole = Number.MAX_SAFE_INTEGER;
  return defined({
    retentionMs: optionalNumber("--retention-ms", flags.retentionMs, 0, 366 * dayMs),
    retentionBytes: optionalNumber("--retention-bytes", flags.retentionBytes, 0, whole),
    maxMessageBytes: optionalNumber("--max-message-bytes", flags.maxMessageBytes, 1, 4_194_304),
    dedupWindowMs: optionalNumber("--dedup-window-ms", flags.dedupWindowMs, 0, 7 * dayMs),
    labels: flags.label === undefined ? undefined : pairs("--label", flags.label),
  });
}

export function addTopicCommand(program: Command): void {
  const topic = program
    .command("topic")
    .description("topics: what is published goes to every subscription that matches")
    .addHelpText(
      "after",
      `
Examples:
  raftq topic create orders --retention-ms 86400000
  raftq subscription create payment --topic orders --header kind=new
  raftq enqueue orders '{"amount":5}' --key account-1 --header kind=new
  raftq receive payment --ack`,
    );

  const create = topic
    .command("create")
    .argument("<name>")
    .description("create a topic; the same again is no error, other options are");
  addTopicFlags(create).action(async (name: string, flags: TopicFlags) => {
    const remote = remoteOf(create);
    const options = topicOptions(flags);
    await withClient(remote, async (client) => {
      const reply = await client.createTopic(name, options);
      const what = reply.created ? "created" : "exists, with the same options";
      await print(remote.json ? JSON.stringify(reply) : `${name}: ${what}`);
    });
  });

  const list = topic.command("list").description("all topics");
  list.action(async () => {
    const remote = remoteOf(list);
    await withClient(remote, async (client) => {
      const topics = await client.listTopics();
      await print(remote.json ? JSON.stringify(topics) : topicTable(topics));
    });
  });

  const show = topic.command("show").argument("<name>").description("options and what is retained");
  show.action(async (name: string) => {
    const remote = remoteOf(show);
    await withClient(remote, async (client) => {
      const info = await client.getTopic(name);
      await print(remote.json ? JSON.stringify(info) : topicSheet(info));
    });
  });
  addUpdate(topic);
  addDelete(topic);
}

function addUpdate(topic: Command): void {
  const update = topic
    .command("update")
    .argument("<name>")
    .description("change some options; the others stay")
    .option("--revision <n>", "only if this is still the revision");
  addTopicFlags(update).action(
    async (name: string, flags: TopicFlags & { readonly revision?: string }) => {
      const remote = remoteOf(update);
      const changes = topicOptions(flags);
      if (Object.keys(changes).length === 0) throw new UsageError("nothing to change was given");
      const revision = optionalNumber("--revision", flags.revision, 1, Number.MAX_SAFE_INTEGER);
      await withClient(remote, async (client) => {
        const info = await client.updateTopic(name, changes, defined({ revision }));
        await print(
          remote.json ? JSON.stringify(info) : `${name}: updated (revision ${info.revision})`,
        );
      });
    },
  );
}

function addDelete(topic: Command): void {
  const remove = topic
    .command("delete")
    .argument("<name>")
    .description("delete a topic and what it retains; refused while it has subscriptions")
    .option("--force", "its subscriptions stay, as plain queues", false);
  remove.action(async (name: string, { force }: { readonly force: boolean }) => {
    const remote = remoteOf(remove);
    await withClient(remote, async (client) => {
      await client.deleteTopic(name, { force });
      await print(remote.json ? JSON.stringify({ deleted: name }) : `${name}: deleted`);
    });
  });
}

interface SubscribeFlags extends QueueFlags {
  readonly topic: string;
  readonly keyPrefix?: string;
  readonly header?: readonly string[];
  readonly start?: string;
}

export function addSubscriptionCommand(program: Command): void {
  const subscription = program
    .command("subscription")
    .description("subscriptions of topics: create, list, replay; the rest as with queues");

  const create = subscription
    .command("create")
    .argument("<name>", "of the queue that is made")
    .requiredOption("--topic <name>", "whose messages it gets")
    .description("create a queue that gets what is published to a topic")
    .option("--key-prefix <text>", "only keys that begin so")
    .option("--header <name=value>", "only with this header; repeatable", collect)
    .option("--start <from>", startHelp, "now")
    .option("--ordering <order>", "key: per key; total: one sequence; none (default key)");
  addOptionFlags(create).action(async (name: string, flags: SubscribeFlags) => {
    const remote = remoteOf(create);
    const options = {
      ...queueOptions(flags),
      topic: flags.topic,
      filter: { keyPrefix: flags.keyPrefix, headers: pairs("--header", flags.header ?? []) },
      start: startOf(flags.start ?? "now"),
    };
    await withClient(remote, async (client) => {
      const reply = await client.createSubscription(name, options);
      const what = reply.created ? `subscribed to ${flags.topic}` : "exists, with the same options";
      await print(remote.json ? JSON.stringify(reply) : `${name}: ${what}`);
    });
  });

  const list = subscription
    .command("list")
    .description("all subscriptions, or those of one topic")
    .option("--topic <name>", "only of this topic");
  list.action(async ({ topic }: { readonly topic?: string }) => {
    const remote = remoteOf(list);
    await withClient(remote, async (client) => {
      const queues = (await client.listQueues()).filter(
        ({ subscription: of }) => of !== undefined && (topic ?? of.topic) === of.topic,
      );
      await print(remote.json ? JSON.stringify(queues) : queueTable(queues, "no subscriptions"));
    });
  });

  const replay = subscription
    .command("replay")
    .argument("<name>")
    .requiredOption("--start <from>", startHelp)
    .description("append again what the topic retains, from a place or a time on");
  replay.action(async (name: string, { start }: { readonly start: string }) => {
    const remote = remoteOf(replay);
    const from = startOf(start);
    await withClient(remote, async (client) => {
      await client.replay(name, from);
      await print(
        remote.json ? JSON.stringify({ replayed: name, start }) : `${name}: replays from ${start}`,
      );
    });
  });
}

const startHelp = "now, earliest, a sequence of the topic, or a time such as 2024-05-01T12:00:00Z";

/** @throws {UsageError} */
export function startOf(text: string): StartFrom {
  if (text === "now" || text === "earliest") return text;
  if (/^\d+$/.test(text)) {
    return { sequence: wholeNumber("--start", text, 1, Number.MAX_SAFE_INTEGER) };
  }
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) {
    throw new UsageError(`--start: is ${text}; expected ${startHelp}`);
  }
  return { time };
}

export function topicTable(topics: readonly TopicInfo[]): string {
  if (topics.length === 0) return "no topics; create one with `raftq topic create NAME`";
  const right = "right" as const;
  return table(
    [
      { title: "topic" },
      { title: "published", align: right },
      { title: "retained", align: right },
      { title: "bytes", align: right },
      { title: "subscriptions" },
    ],
    topics.map((info) => [
      info.name,
      grouped(info.lastSequence),
      grouped(retained(info)),
      byteSize(info.bytes),
      info.subscriptions.length === 0 ? "-" : info.subscriptions.join(", "),
    ]),
    painter(process.stdout, process.env),
  );
}

export function topicSheet(info: TopicInfo): string {
  const { options } = info;
  const bounds = [
    ...(options.retentionMs === 0 ? [] : [duration(options.retentionMs)]),
    ...(options.retentionBytes === 0 ? [] : [byteSize(options.retentionBytes)]),
  ];
  const labels = Object.entries(options.labels).map(([name, value]) => `${name}=${value}`);
  return sheet(
    [
      ["topic", `${info.name} (id ${info.id}, revision ${info.revision})`],
      ["created", new Date(info.createdAtMs).toISOString()],
      ["published", grouped(info.lastSequence)],
      ["retained", `${grouped(retained(info))} messages (${byteSize(info.bytes)})`],
      ["retention", bounds.length === 0 ? "nothing is kept" : bounds.join(", ")],
      ["dedup ids", options.dedupWindowMs === 0 ? "-" : `kept ${duration(options.dedupWindowMs)}`],
      ["largest", `${grouped(options.maxMessageBytes)} bytes a message`],
      ["subscriptions", info.subscriptions.length === 0 ? "-" : info.subscriptions.join(", ")],
      ["labels", labels.length === 0 ? "-" : labels.join(", ")],
    ],
    painter(process.stdout, process.env),
  );
}

function retained({ lastSequence, firstSequence }: TopicInfo): number {
  return lastSequence - firstSequence + 1;
}

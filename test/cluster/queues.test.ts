// Very many queues in one cluster: a queue is rows, not a group. `QUEUES=100000 npx vitest run --project cluster
// test/cluster/queues.test.ts` is the figure of docs/performance.md, and prints what it measures.

import { expect, test } from "vitest";
import { residentMiB } from "../../bench/machine.ts";
import type { LocalCluster } from "../../cli/local-cluster.ts";
import type { Client } from "../../client/index.ts";
import { client, startCluster, until } from "./support.ts";

const count = Number(process.env["QUEUES"] ?? 5_000);
/** Creations under way at once. */
const width = 256;
const used = 300;
const isMeasured = process.env["QUEUES"] !== undefined;

const nameOf = (i: number): string => `queue-${String(i).padStart(7, "0")}`;

test(
  `${count} queues: created, listed, used; a node restarted, the leader killed`,
  { timeout: 1_800_000 },
  async () => {
    const cluster = await startCluster();
    const outside = await client(cluster, { timeoutMs: 120_000 });
    memory(cluster, "empty");

    await timed(`${count} created`, () => createAll(outside));
    memory(cluster, "created");
    await listed(outside);

    const use = async (round: number): Promise<void> => {
      for (let n = 0; n < used; n += 1) {
        const queue = outside.queue<number>(nameOf(Math.floor((n * count) / used)));
        const { keySeq } = await queue.enqueue(round, { key: "k" });
        expect(keySeq).toBe(round);
        const [delivery] = await queue.receiveBatch();
        expect(delivery?.value).toBe(round);
        await delivery?.ack();
      }
    };
    await timed(`${used} of them used`, () => use(1));

    const { nodeId: old } = await cluster.leader();
    const follower = cluster.nodeIds.find((id) => id !== old) ?? 0;
    await cluster.kill(follower);
    await timed("a follower started", () => cluster.restart(follower, 120_000));
    await timed("it had applied everything", () => applied(cluster, follower));
    memory(cluster, "a follower restarted");

    await cluster.kill(old);
    await timed("used over the death of the leader", () => use(2));
    await listed(outside);
    await timed("the old leader started", () => cluster.restart(old, 120_000));
    await timed("it had applied everything", () => applied(cluster, old));
    memory(cluster, "all restarted once");
    await digestsAgree(cluster);
  },
);

async function createAll(outside: Client): Promise<void> {
  let next = 0;
  const creating = async (): Promise<void> => {
    while (next < count) {
      // Asked for again after a lost answer, a queue is found and not created: that all are there is seen in the list.
      await outside.createQueue(nameOf(next++));
    }
  };
  await Promise.all(Array.from({ length: width }, creating));
}

async function listed(outside: Client): Promise<void> {
  const infos = await timed(`${count} listed, page by page`, () => outside.listQueues());
  expect(infos.length).toBe(count);
  expect(infos.every(({ name }, i) => name === nameOf(i))).toBe(true);
  const some = await timed("100 listed by prefix", () =>
    outside.listQueues({ prefix: nameOf(0).slice(0, -2) }),
  );
  expect(some.length).toBe(100);
}

/** What the leader has committed by now: entries are large here, so a small lag would hide thousands of queues. */
async function applied(cluster: LocalCluster, nodeId: number): Promise<void> {
  const own = async (id: number) =>
    (await cluster.view(id))?.members.find((member) => member.nodeId === id);
  let wanted = 0;
  await until("the leader says how far it is", async () => {
    wanted = (await own((await cluster.leader()).nodeId))?.commitIndex ?? 0;
    return wanted > 0;
  });
  await until(
    "the node has applied that",
    async () => ((await own(nodeId))?.appliedIndex ?? 0) >= wanted,
    120_000,
  );
}

/** Equal digests at an equal index. */
async function digestsAgree(cluster: LocalCluster): Promise<void> {
  await until("all have the same digest", async () => {
    const views = await Promise.all(cluster.nodeIds.map((id) => cluster.view(id)));
    const own = views.map((view) => view?.members.find(({ nodeId }) => nodeId === view.nodeId));
    const at = own.map((member) => `${member?.appliedIndex} ${member?.stateDigest}`);
    return new Set(at).size === 1;
  });
}

async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await run();
  say(`${what}: ${Math.round(performance.now() - begun)} ms`);
  return result;
}

function memory(cluster: LocalCluster, when: string): void {
  const each = cluster.nodeIds.map((id) => {
    const pid = cluster.pid(id);
    return pid === undefined ? "-" : (residentMiB(pid) ?? "?");
  });
  say(`resident MiB, ${when}: ${each.join(", ")}`);
}

function say(text: string): void {
  if (isMeasured) console.log(text);
}

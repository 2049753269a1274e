// Order per key under everything at once (P3, P8): 1,000 keys, nacks, rejections, leases that expire, consumers and leaders
// that are killed. Each key's acked sequence is its enqueued sequence without what was parked and skipped, or dead-lettered;
// and each of those is accounted for.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Client } from "../../client/index.ts";
import type { Note } from "./rough-process.ts";
import { client, directoryOf, startCluster, until } from "./support.ts";

const roughProcess = join(import.meta.dirname, "../../dist/test/cluster/rough-process.js");
const keys = 1_000;
const perKey = 6;
const names = ["parks", "dead-letters"];
const total = names.length * keys * perKey;

const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

test("1,000 keys, everything at once: every message is acked in order, or accounted for", async () => {
  const cluster = await startCluster();
  const outside = await client(cluster);
  const base = { leaseMs: 1_000, maxAttempts: 3, retry: { initialMs: 20, maxMs: 100 } };
  await outside.createQueue("dead", { ordering: "NONE" });
  await outside.createQueue("parks", { ...base, onExhausted: "PARK", deadLetterQueue: "dead" });
  await outside.createQueue("dead-letters", {
    ...{ ...base, onExhausted: "DEAD_LETTER", deadLetterQueue: "dead" },
  });

  const files: string[] = [];
  const start = (): ChildProcess => {
    const file = join(directoryOf(cluster), `notes-${files.length}`);
    files.push(file);
    const child = fork(roughProcess, [cluster.endpoints.join(","), file, ...names]);
    children.add(child);
    return child;
  };
  const running = [start(), start(), start()];

  const enqueueing = Promise.all(
    names.map(async (name) => {
      const queue = outside.queue<number>(name);
      for (let n = 1; n <= perKey; n += 1) {
        const calls = Array.from({ length: keys }, (_, i) => queue.enqueue(n, { key: `k${i}` }));
        for (const [i, { keySeq }] of (await Promise.all(calls)).entries())
          if (keySeq !== n) throw new Error(`${name}/k${i}/${n} got key_seq ${keySeq}`);
      }
    }),
  );
  let skipped = 0;
  let retried = 0;
  const resolveParked = async (): Promise<void> => {
    const queue = outside.queue<number>("parks");
    for await (const { key } of queue.keys({ state: "PARKED" })) {
      const isSkip = Number(key.slice(1)) % 2 === 0;
      if (isSkip) {
        await queue.resolveParked(key, { action: { skip: "given up" } });
        skipped += 1;
      } else {
        await queue.resolveParked(key, { action: "retry" });
        retried += 1;
      }
    }
  };
  const left = async (): Promise<number> => {
    const infos = await Promise.all(names.map((name) => outside.getQueue(name)));
    return infos.reduce(
      (sum, info) => sum + info.ready + info.leased + info.retrying + info.parked,
      0,
    );
  };

  for (let kill = 0; kill < 6; kill += 1) {
    const before = await acked(outside);
    await until("more is acked", async () => {
      await resolveParked();
      return (await acked(outside)) >= Math.min(total * 0.85, before + total / 10);
    });
    if (kill % 2 === 1) {
      const { nodeId } = await cluster.leader();
      await cluster.kill(nodeId);
      await cluster.restart(nodeId);
    } else {
      const victim = running[kill % 3];
      victim?.kill("SIGKILL");
      if (victim !== undefined && victim.signalCode === null) await once(victim, "exit");
      running[kill % 3] = start();
    }
  }
  await enqueueing;
  await until("nothing is left", async () => {
    await resolveParked();
    return (await left()) === 0;
  });
  for (const child of running) child.kill("SIGKILL");

  const dead = await deadLetters(outside);
  const notes = files.flatMap((file) => notesOf(file));
  expect(notes.filter(({ did }) => did === "nack").length).toBeGreaterThan(0);
  expect(dead.size).toBeGreaterThan(0);
  expect(skipped + retried).toBeGreaterThan(0);
  const byMessage = new Map<string, Note[]>();
  for (const note of notes) {
    const id = `${note.queue}/${note.key}/${note.keySeq}`;
    byMessage.set(id, [...(byMessage.get(id) ?? []), note]);
  }
  for (const queue of names)
    for (let i = 0; i < keys; i += 1) checkKey(queue, `k${i}`, byMessage, dead);
  const [parks, deadLettering] = await Promise.all(names.map((name) => outside.getQueue(name)));
  expect((parks?.acked ?? 0) + (parks?.skipped ?? 0)).toBe(keys * perKey);
  expect(parks?.skipped).toBe(skipped);
  expect((deadLettering?.acked ?? 0) + (deadLettering?.deadLettered ?? 0)).toBe(keys * perKey);
  expect(dead.size).toBe(skipped + (deadLettering?.deadLettered ?? 0));
});

/** Exactly one end for each message; acks of a key in the order of its messages. */
function checkKey(
  queue: string,
  key: string,
  byMessage: ReadonlyMap<string, readonly Note[]>,
  dead: ReadonlySet<string>,
): void {
  let last = 0;
  for (let keySeq = 1; keySeq <= perKey; keySeq += 1) {
    const id = `${queue}/${key}/${keySeq}`;
    const notes = byMessage.get(id) ?? [];
    const confirmed = notes.filter(({ did }) => did === "acked");
    // Somebody was killed between his ack and its answer.
    const open = notes.filter(({ did }) => did === "ack");
    if (dead.has(id)) {
      expect(confirmed, `${id} is dead, and acked`).toEqual([]);
      continue;
    }
    expect(confirmed.length, `${id}: confirmed acks`).toBeLessThanOrEqual(1);
    expect(open.length, `${id} is gone, and nobody acked it`).toBeGreaterThan(0);
    // Tokens grow with every grant (P5): so they tell the order of the acks, whichever process made them.
    const token = confirmed[0]?.token ?? Math.max(...open.map((note) => note.token));
    expect(token, `${id} is acked before an earlier message of its key`).toBeGreaterThan(last);
    last = token;
  }
}

function notesOf(file: string): Note[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // The last one may have been cut off by the kill.
  return lines.flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Note] : []));
}

async function acked(outside: Client): Promise<number> {
  const infos = await Promise.all(names.map((name) => outside.getQueue(name)));
  return infos.reduce((sum, info) => sum + info.acked, 0);
}

/** By queue, key and key_seq of where they come from. */
async function deadLetters(outside: Client): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { deadLetter } of outside.queue("dead").peek()) {
    const [, key, keySeq] = (deadLetter?.messageId ?? "").split("/");
    found.add(`${deadLetter?.queue}/${key}/${keySeq}`);
  }
  return found;
}

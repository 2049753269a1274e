import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { SchemaError, type SchemaIssue, type StandardSchema } from "../../client/index.ts";
import type { ClientCommand } from "../../proto/frame.ts";
import { rejection, start } from "./clients.ts";
import { defaultReply, delivery, type FakeCluster } from "./fake-cluster.ts";
import { encodeContent } from "../../proto/frame.ts";

interface Payment {
  readonly amount: number;
}

/** By hand: takes `{ amount }`, whole and positive. */
const byHand: StandardSchema<Payment> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate(value) {
      const amount = (value as Partial<Payment> | null)?.amount;
      return typeof amount === "number" && amount > 0
        ? { value: { amount } }
        : { issues: [{ message: "expected a positive number", path: ["amount"] }] };
    },
  },
};

const withValibot = v.object({ amount: v.pipe(v.number(), v.minValue(1)) });
const withZod = z.object({ amount: z.number().positive() });

function issuesOf(error: Error): readonly SchemaIssue[] {
  if (error instanceof SchemaError) return error.issues;
  throw error;
}

const settlements = (commands: readonly ClientCommand[]) =>
  commands.flatMap((command) =>
    "fencingToken" in command ? [`${command.op} ${command.fencingToken} ${command.error}`] : [],
  );

const message = (token: number, value: unknown, consumer = 1) =>
  delivery({
    fencingToken: token,
    keyBytes: `k${token}`,
    consumer,
    content: encodeContent({ body: JSON.stringify(value) }),
  });

function deliverOnSubscribe(cluster: FakeCluster, ...values: unknown[]): void {
  cluster.respond = (command, stream) => {
    if (command.op === "subscribe") {
      setImmediate(() =>
        stream.deliver(...values.map((value, i) => message(i + 1, value, command.consumer))),
      );
    }
    return defaultReply(command);
  };
}

describe.each([
  ["by hand", byHand],
  ["valibot", withValibot],
  ["zod", withZod],
] as const)("a schema, %s", (_, schema) => {
  test("V1: a value that does not match is refused with its issues, and nothing is sent", async () => {
    const { client, cluster } = await start();
    const payments = client.queue("payments", { schema });
    const error = await rejection(payments.enqueue({ amount: -1 }));
    expect(error).toBeInstanceOf(SchemaError);
    expect(error).toMatchObject({ reason: "SCHEMA", outcome: "NOT_APPLIED" });
    expect(issuesOf(error)).toMatchObject([{ path: "amount" }]);
    expect(error.message).toMatch(/^the value does not match its schema: amount: /);
    await rejection(payments.enqueueBatch([{ value: { amount: 1 } }, { value: { amount: 0 } }]));
    expect((await payments.enqueue({ amount: 1 })).seq).toBe(1);
    expect(cluster.stream.commands).toHaveLength(1);
  });

  test("a message that does not match is rejected with the issues; the handler does not see it", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, { amount: 1 }, { amount: "x" }, { amount: 3 });
    const seen: number[] = [];
    const told: string[] = [];
    client.on("invalidMessage", ({ messageId, error }) =>
      told.push(`${messageId} ${error.reason}`),
    );
    const consumer = client
      .queue("orders", { schema })
      .consume(({ value }) => seen.push(value.amount));
    await cluster.until(() => settlements(cluster.stream.commands).length === 3);
    expect(seen).toEqual([1, 3]);
    expect(told).toEqual(["1/a/2 SCHEMA"]);
    const [ack1, reject2, ack3] = settlements(cluster.stream.commands).sort((a, b) =>
      a.split(" ")[1]!.localeCompare(b.split(" ")[1]!),
    );
    expect(ack1).toBe("ack 1 ");
    expect(reject2).toMatch(/^reject 2 the message does not match its schema: amount: /);
    expect(ack3).toBe("ack 3 ");
    await consumer.drain();
    expect(consumer.stats).toMatchObject({ acked: 2, rejected: 1 });
  });
});

describe("a schema", () => {
  test("receive and receiveBatch leave out what does not match", async () => {
    const { client, cluster } = await start();
    deliverOnSubscribe(cluster, "not a payment", { amount: 2 });
    const payments = client.queue("orders", { schema: byHand });
    for await (const { value, fencingToken } of payments.receive()) {
      expect([fencingToken, value.amount]).toEqual([2, 2]);
      break;
    }
    cluster.respond = (command) =>
      command.op === "receive"
        ? {
            kind: "received",
            deliveries: [message(11, null, 0), message(12, { amount: 12 }, 0)],
          }
        : defaultReply(command);
    const batch = await payments.receiveBatch({ maxMessages: 2 });
    expect(batch.map(({ value }) => value.amount)).toEqual([12]);
    await cluster.until(() => settlements(cluster.stream.commands).length >= 3);
    const rejected = settlements(cluster.stream.commands).filter((each) => each.startsWith("rej"));
    expect(rejected.map((each) => each.split(" ")[1])).toEqual(["1", "11"]);
  });

  test("V2: what is sent is the input, what is received the output", async () => {
    const { client, cluster } = await start();
    const schema = z.object({ at: z.string().transform((text) => new Date(text)) });
    const visits = client.queue("orders", { schema });
    await visits.enqueue({ at: "2024-01-02T03:04:05.000Z" });
    const [sent] = cluster.stream.commands;
    const text = sent?.op === "enqueue" ? Buffer.from(sent.content).toString() : "";
    expect(text).toContain('{"at":"2024-01-02T03:04:05.000Z"}');
    deliverOnSubscribe(cluster, { at: "2024-01-02T03:04:05.000Z" });
    for await (const { value } of visits.receive()) {
      expect(value.at.getTime()).toBe(Date.UTC(2024, 0, 2, 3, 4, 5));
      break;
    }
  });

  test("without a schema a body that is no JSON is the handler's to find out: nothing is rejected for it", async () => {
    const { client, cluster } = await start();
    cluster.respond = (command, stream) => {
      if (command.op === "subscribe") {
        const content = encodeContent({ body: "{" });
        setImmediate(() => stream.deliver(delivery({ fencingToken: 1, content })));
      }
      return defaultReply(command);
    };
    const consumer = client.queue("orders").consume(({ value }) => value);
    await cluster.until(() => settlements(cluster.stream.commands).length === 1);
    expect(settlements(cluster.stream.commands)[0]).toMatch(
      /^nack 1 the body could not be decoded/,
    );
    await consumer.close();
  });

  test("one that answers later is refused: the order of calls is the order of messages", async () => {
    const { client } = await start();
    const schema: StandardSchema<number> = {
      "~standard": {
        version: 1,
        vendor: "slow",
        validate: (value) => Promise.resolve({ value: value as number }),
      },
    };
    const error = await rejection(client.queue("orders", { schema }).enqueue(1));
    expect(error.message).toContain("the slow schema validates asynchronously");
  });

  test("a long list of issues is cut", async () => {
    const { client } = await start();
    const schema = z.array(z.number());
    const error = await rejection(
      client.queue("orders", { schema }).enqueue(Array(20).fill("x") as never),
    );
    expect(issuesOf(error)).toHaveLength(20);
    expect(error.message).toMatch(/; and 12 more$/);
  });
});

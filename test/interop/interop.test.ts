// Our bytes, in the hands of another implementation of protobuf. The walk through a running cluster's API is runInterop.

import { expect, test } from "vitest";
import {
  ClientFrameWriter,
  encodeContent,
  encodeError,
  ServerFrameWriter,
} from "../../proto/frame.ts";
import { reserialize } from "./interop.ts";

test("Python's protobuf reads our frames, and writes the same bytes", async (context) => {
  const content = encodeContent({
    body: "schön",
    headers: { a: "b" },
    contentType: "text/plain",
    traceparent: "00-1-2-03",
  });
  const lease = { queue: "q", key: "schön", keySeq: 300, fencingToken: 2 ** 45 };
  const none = { delayMs: undefined, error: "", leaseMs: 0 };

  const client = new ClientFrameWriter();
  client.attach("session");
  client.firstOutstanding(1);
  client.command(1, { op: "enqueue", queue: "q", key: "schön", content });
  client.command(2, { op: "enqueueBatch", queue: "q", messages: [{ key: "", content }] });
  client.command(3, { op: "subscribe", consumer: 1, queue: "q", credit: 10_000, leaseMs: 0 });
  client.command(4, { op: "receive", queue: "q", maxMessages: 1, maxWaitMs: 5, leaseMs: 6 });
  client.command(5, { op: "ack", ...lease, ...none });
  client.command(6, { op: "nack", ...lease, delayMs: 7, error: "late", leaseMs: 0 });
  client.command(7, { op: "unsubscribe", consumer: 1 });
  client.heartbeat(9);

  const error = {
    reason: "STALE_LEASE",
    outcome: "NOT_APPLIED",
    field: "",
    message: "stale",
    leader: { nodeId: 1, endpoint: "a:1", term: 3 },
    retryAfterMs: 4,
    currentToken: 5,
    state: "LEASED",
    code: 9,
    currentKeySeq: 6,
  } as const;
  const server = new ServerFrameWriter();
  server.attached(4, 30_000);
  server.addReply(1, 8, {
    kind: "enqueued",
    messageIdBytes: "1/k/2",
    seq: 3,
    keySeq: 2,
    deduplicated: true,
  });
  server.addReply(2, 8, { kind: "error", error });
  server.addReply(3, 9, { kind: "done" });
  server.addReply(4, 9, { kind: "settled", already: true });

  const frames = [
    ["Content", content],
    ["Error", encodeError(error)],
    ["ClientFrame", client.finish()],
    // Without term and time: those we write behind the answers, Python in the order of their numbers.
    ["ServerFrame", server.finish(0, 0)],
  ] as const;
  const { skipped, output } = await reserialize(frames);
  if (skipped !== undefined) return context.skip(skipped);
  expect(output.trim().split("\n")).toEqual(
    frames.map(([, bytes]) => Buffer.from(bytes).toString("hex")),
  );
});

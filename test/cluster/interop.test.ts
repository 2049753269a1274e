// O1-O4 in another language, from the .proto files alone.

import { expect, test } from "vitest";
import { runInterop } from "../interop/interop.ts";
import { startCluster } from "./support.ts";

test("a Python client made from queue.proto: enqueue, receive, ack, commit, typed refusals, the leader hint, the stream", async (context) => {
  const cluster = await startCluster();
  const { skipped, output } = await runInterop(cluster.endpoints);
  if (skipped !== undefined) context.skip(`skipped: ${skipped}`);
  expect(output).toContain("the retry had no effect");
});

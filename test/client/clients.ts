// What the tests of the SDK share: a client on a scripted cluster, and both ended when the test is.

import { afterEach, expect } from "vitest";
import { connect, QueueError, type Client, type ConnectOptions } from "../../client/index.ts";
import { FakeCluster } from "./fake-cluster.ts";

const clients: Client[] = [];
const clusters: FakeCluster[] = [];

export async function start(
  options: Partial<ConnectOptions> = {},
): Promise<{ client: Client; cluster: FakeCluster }> {
  const cluster = await FakeCluster.start();
  clusters.push(cluster);
  const client = await connect({ endpoints: cluster.endpoints, ...options });
  clients.push(client);
  return { client, cluster };
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const cluster of clusters.splice(0)) cluster.stop();
});

export async function rejection(promise: Promise<unknown>): Promise<QueueError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(QueueError);
    return error as QueueError;
  }
  throw new Error("did not reject");
}

export function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

// The door of raftq/testing: a cluster for a program's own tests.

export { createTestCluster, TestCluster, type Party, type TestNode } from "./cluster.ts";
export type { Limits, TestClusterOptions } from "./options.ts";
export type { Weather } from "./network.ts";

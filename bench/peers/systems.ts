// What can be measured side by side, and how to get it.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface System {
  readonly name: string;
  readonly title: string;
  /** A path, or a name to look for. */
  readonly program: string;
  readonly packages: readonly string[];
}

export const systems: readonly System[] = [
  { name: "raftq", title: "raftq", program: "node", packages: [] },
  {
    name: "rabbitmq",
    title: "RabbitMQ",
    program: "/usr/lib/rabbitmq/bin/rabbitmq-server",
    packages: ["rabbitmq-server"],
  },
  { name: "nats", title: "NATS", program: "nats-server", packages: ["nats-server"] },
  { name: "etcd", title: "etcd", program: "etcd", packages: ["etcd-server", "etcd-client"] },
  { name: "redis", title: "Redis", program: "redis-server", packages: ["redis-server"] },
];

/** Debian keeps some servers where only root looks. */
export const searchPath = [process.env["PATH"] ?? "", "/usr/sbin"].join(delimiter);

export function isInstalled({ program }: System): boolean {
  if (program.startsWith("/")) return isExecutable(program);
  return searchPath.split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What to say of those that are not there; undefined: all are. */
export function missingText(missing: readonly System[]): string | undefined {
  if (missing.length === 0) return undefined;
  const packages = missing.flatMap((system) => system.packages).join(" ");
  const names = missing.map(({ title }) => title).join(", ");
  return (
    `not installed, and left out: ${names}; on Debian:\n` +
    `  apt-get install --no-install-recommends ${packages}\n` +
    `(stop the services that this starts: they would be measured too)`
  );
}

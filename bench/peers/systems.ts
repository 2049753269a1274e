// What can be measured side by side, and how to get it.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface System {
  readonly name: string;
  readonly title: string;
  /** One of these programs must be there: a path, or a name to look for. */
  readonly programs: readonly string[];
  readonly packages: readonly string[];
}

export const systems: readonly System[] = [
  { name: "raftq", title: "raftq", programs: ["node"], packages: [] },
  {
    name: "rabbitmq",
    title: "RabbitMQ",
    programs: ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    packages: ["rabbitmq-server"],
  },
  { name: "nats", title: "NATS", programs: ["nats-server"], packages: ["nats-server"] },
  { name: "etcd", title: "etcd", programs: ["etcd"], packages: ["etcd-server", "etcd-client"] },
  { name: "redis", title: "Redis", programs: ["redis-server"], packages: ["redis-server"] },
];

export function isInstalled({ programs }: System, path = process.env["PATH"] ?? ""): boolean {
  const folders = [...path.split(delimiter), "/usr/sbin"];
  return programs.some((program) =>
    (program.startsWith("/") ? [program] : folders.map((folder) => join(folder, program))).some(
      isExecutable,
    ),
  );
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

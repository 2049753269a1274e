// One cluster has one launcher; several faults wrap the start of a node, each in its own way and for its own nodes.

import type { Cluster, Launcher } from "../cluster/contract.ts";

const wrappers = new WeakMap<Cluster, Map<string, Launcher>>();

/** From the next start of a node on. The one that was added last is the outermost. Undefined: no more. */
export function wrap(cluster: Cluster, name: string, launcher: Launcher | undefined): void {
  const all = wrappers.get(cluster) ?? new Map<string, Launcher>();
  wrappers.set(cluster, all);
  all.delete(name);
  if (launcher !== undefined) all.set(name, launcher);
  const chain = [...all.values()];
  cluster.setLauncher(
    chain.length === 0
      ? undefined
      : (id, command) => chain.reduce((inner, next) => next(id, inner), command),
  );
}

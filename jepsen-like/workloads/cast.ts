// Who plays what: the roles of all workloads, shared out among the processes.

import type { WorkerOptions } from "./protocol.ts";
import type { Workload } from "./workload.ts";

type Role = WorkerOptions["roles"][number];

/** @param rate calls per second of all together. One list of roles for each process. */
export function castOf(
  workloads: readonly Workload[],
  processes: number,
  rate: number,
): readonly (readonly Role[])[] {
  const shares = workloads.reduce((sum, { share }) => sum + share, 0);
  const casts = Array.from({ length: processes }, (): Role[] => []);
  let alone = 0;
  for (const { name, share, callsPerStep, roles } of workloads) {
    const steps = (rate * share) / shares / callsPerStep;
    for (const role of roles) {
      if (role.runsIn === "one") {
        casts[alone++ % processes]?.push({ workload: name, role: role.name, rate: steps });
        continue;
      }
      for (const cast of casts)
        cast.push({ workload: name, role: role.name, rate: steps / processes });
    }
  }
  return casts;
}

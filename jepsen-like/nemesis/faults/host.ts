// Faults of one host: its disk, its syncs, its limits, its clock. How each is done lies in host/.

import type { Cluster } from "../../cluster/contract.ts";
import { clockFaults } from "../../host/clock-faults.ts";
import { diskFaults } from "../../host/disk-faults.ts";
import { Disks } from "../../host/disks.ts";
import { limitFaults } from "../../host/limit-faults.ts";
import { syncFaults } from "../../host/sync-faults.ts";
import type { Fault } from "../fault.ts";

export const hostFaults: readonly Fault[] = [
  ...diskFaults,
  ...syncFaults,
  ...limitFaults,
  ...clockFaults,
];

/** After the cluster's end, and before its data directories are read: nodes that a fault left on disks of their own go back. */
export async function closeHost(cluster: Cluster, directory: string): Promise<void> {
  await Disks.of(cluster, directory).close();
}

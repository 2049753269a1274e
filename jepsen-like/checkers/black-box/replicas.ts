// Q13: the nodes agree on what became of everything.
//   The digest goes over every outcome up to an index: at an equal index it is equal on all nodes. At the end all are at one index,
//   not before the barrier; a run that did not get there proves nothing.

import type { Check } from "../contract.ts";
import { counted, Findings } from "./findings.ts";
import { grouped } from "./sweep.ts";

export const replicasEqual: Check = ({ digests, barrier }) => {
  const findings = new Findings("Q13 replicas equal");
  const nodes = new Set(digests.map(({ nodeId }) => nodeId));
  const byIndex = grouped(digests, ({ appliedIndex }) => String(appliedIndex));
  let compared = 0;
  for (const [index, some] of byIndex) {
    const [first] = some;
    for (const one of some.slice(1)) {
      compared += 1;
      if (first === undefined || one.digest === first.digest) continue;
      findings.add({
        what: `Apart: at log index ${index} node ${first.nodeId} has digest ${first.digest}, and node ${one.nodeId} has ${one.digest}.`,
      });
    }
  }
  const last = Math.max(0, ...digests.map(({ appliedIndex }) => appliedIndex));
  const there = new Set(
    digests.filter(({ appliedIndex }) => appliedIndex === last).map(({ nodeId }) => nodeId),
  );
  if (nodes.size < 2) findings.undecided(`there are digests of ${counted(nodes.size, "node")}`);
  else if (there.size < nodes.size)
    findings.undecided(`only ${there.size} of ${nodes.size} nodes got to log index ${last}`);
  else if (barrier === 0) findings.undecided("the run did not get to its barrier");
  else if (last < barrier)
    findings.undecided(`the digests are of log index ${last}, before the barrier at ${barrier}`);
  return findings.verdict(
    `${counted(digests.length, "digest")} of ${counted(nodes.size, "node")}, ${counted(compared, "comparison")}`,
  );
};

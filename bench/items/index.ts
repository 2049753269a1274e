import type { Item } from "../item.ts";
import { backlog } from "./backlog.ts";
import { clients } from "./clients.ts";
import { closed } from "./closed.ts";
import { drain } from "./drain.ts";
import { endToEnd, endToEndSteady } from "./end-to-end.ts";
import { failover } from "./failover.ts";
import { hang } from "./hang.ts";
import { isolation } from "./isolation.ts";
import { keys } from "./keys.ts";
import { nodes } from "./nodes.ts";
import { pipelined, pipelinedKibibyte } from "./pipelined.ts";
import { snapshot } from "./snapshot.ts";
import { soak } from "./soak.ts";

/** In the order in which they run. */
export const items: readonly Item[] = [
  pipelined,
  pipelinedKibibyte,
  closed,
  endToEnd,
  endToEndSteady,
  drain,
  keys,
  clients,
  nodes,
  isolation,
  failover,
  hang,
  backlog,
  snapshot,
  soak,
];

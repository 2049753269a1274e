// The black-box invariants Q1 to Q14 (reliability.md §2.3): over what the clients saw, and nothing else.

import type { Check } from "../contract.ts";
import { conservation, recovered } from "./conservation.ts";
import { emptyIsTrue } from "./empty.ts";
import { oneLease } from "./leases.ts";
import { noLoss, noPhantom } from "./loss.ts";
import { exactlyOnce, monotone } from "./numbers.ts";
import { firstInFirstOut, producerOrder, strictKeys } from "./order.ts";
import { replicasEqual } from "./replicas.ts";
import { fencing, settledOnce } from "./settled-once.ts";

export const blackBox: readonly Check[] = [
  noLoss,
  noPhantom,
  settledOnce,
  oneLease,
  firstInFirstOut,
  strictKeys,
  emptyIsTrue,
  producerOrder,
  exactlyOnce,
  monotone,
  conservation,
  fencing,
  replicasEqual,
  recovered,
];

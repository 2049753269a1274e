import type { Item } from "../item.ts";
import { closed } from "./closed.ts";
import { endToEnd, endToEndSteady } from "./end-to-end.ts";
import { isolation } from "./isolation.ts";
import { pipelined } from "./pipelined.ts";

/** In the order in which they run. */
export const items: readonly Item[] = [pipelined, closed, endToEnd, endToEndSteady, isolation];

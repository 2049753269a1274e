// The other half of the fresh seeds, in a process of its own (simulation.test.ts).

import { describe } from "vitest";
import { freshSeeds } from "./fresh.ts";

describe("fresh seeds", () => freshSeeds(1));

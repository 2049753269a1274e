import { MemoryStore } from "../../queue/memory-store.ts";

import { orderedStoreContract } from "./ordered-store.ts";

orderedStoreContract("MemoryStore", () => Promise.resolve(new MemoryStore()));

import { defineConfig } from "vitest/config";
import { mutantPlugin } from "./test/mutants/vite-plugin.ts";

export default defineConfig({
  plugins: mutantPlugin(import.meta.dirname),
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**"],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        // Real processes, real gRPC, real RocksDB, real kills: run the built server, one file at a time.
        test: {
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          // After the unit tests: elections must not compete with them for two cores.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

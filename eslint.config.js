import tseslint from "typescript-eslint";

/** Imports that only one file of a folder may have: a port is satisfied by one adapter (ARCHITECTURE.md). */
const adapters = {
  "rocksdb-native": "node/rocks-store.ts",
  "@grpc/grpc-js": "node/grpc/* and client/channel.ts",
};
const restrict = (...names) => ({
  paths: names.map((name) => ({ name, message: `Only ${adapters[name]} may import it.` })),
});

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", ".raftq/", "vitest.config.ts"] },
  { files: ["**/*.ts"], extends: [...tseslint.configs.strictTypeChecked] },
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: true },
      ],
      "max-lines": ["warn", { max: 400, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["warn", { max: 80, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // The pure folders: no clock, no randomness, no waiting, nothing from outside (G1).
    files: ["raft/**/*.ts", "queue/**/*.ts"],
    rules: {
      "no-restricted-globals": ["error", "Date", "performance", "crypto", "Intl"],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Randomness is injected." },
        { property: "localeCompare", message: "Depends on the machine's locale (G1)." },
        { property: "toLocaleString", message: "Depends on the machine's locale (G1)." },
      ],
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^[^.]", message: "raft/ and queue/ import only themselves." }] },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "AwaitExpression", message: "The core does not wait." },
        { selector: ":function[async=true]", message: "The core does not wait." },
      ],
    },
  },
  {
    files: ["node/**/*.ts"],
    ignores: ["node/rocks-store.ts", "node/grpc/**"],
    rules: { "no-restricted-imports": ["error", restrict("rocksdb-native", "@grpc/grpc-js")] },
  },
  {
    files: ["node/grpc/**/*.ts"],
    rules: { "no-restricted-imports": ["error", restrict("rocksdb-native")] },
  },
  {
    files: ["client/**/*.ts"],
    ignores: ["client/channel.ts"],
    rules: { "no-restricted-imports": ["error", restrict("@grpc/grpc-js")] },
  },
  {
    files: ["testing/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", restrict("rocksdb-native", "@grpc/grpc-js")],
    },
  },
  {
    // From outside: what it tries is the built server, through the client.
    files: ["jepsen-like/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: "^(\\.\\./)+(raft|queue|proto|node|cli|testing|examples|bench|test)/",
              message: "jepsen-like/ imports the client only.",
            },
          ],
        },
      ],
    },
  },
  {
    // A checker that shared code with what it checks would excuse its bugs.
    files: ["jepsen-like/check/**/*.ts", "jepsen-like/checkers/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: "^(\\.\\./)+(raft|queue|proto|node|client|cli|testing|examples|bench)/",
              message: "The checkers share nothing with the product.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "max-lines": "off",
      "max-lines-per-function": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);

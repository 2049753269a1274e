// The rules that no linter has.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { version } from "../node/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
  .map((entry) => entry.name)
  .filter((name) => name !== "node_modules" && name !== "dist" && name !== "coverage");

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...folders.map((folder) => `${folder}/README.md`),
];

describe("words for people", () => {
  test.each(folders)("%s/ has a README of at most 20 lines", (folder) => {
    expect(read(`${folder}/README.md`).trimEnd().split("\n").length).toBeLessThanOrEqual(20);
  });

  test.each(pages)("links of %s lead somewhere", (page) => {
    for (const [, target] of read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(root, dirname(page), target!)), target).toBe(true);
    }
  });

  test("every field, message and call of queue.proto that could be misread has a comment above its service", () => {
    const proto = read("proto/queue.proto");
    for (const [, name] of proto.matchAll(/^ {2}rpc (\w+)/gm)) {
      const before = proto
        .slice(0, proto.indexOf(`  rpc ${name!}(`))
        .trimEnd()
        .split("\n")
        .at(-1)!;
      expect(before.trim().startsWith("//"), `rpc ${name!}`).toBe(true);
    }
  });
});

test("the version that nodes tell is the package's", () => {
  expect((JSON.parse(read("package.json")) as { version: string }).version).toBe(version);
});

test("dependencies are pinned, and ARCHITECTURE.md says why each is there", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
    "dependencies" | "devDependencies",
    Record<string, string>
  >;
  const architecture = read("ARCHITECTURE.md");
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(range, name).toMatch(/^\d/);
    // Types and the parts of one tool go with it.
    if (!name.startsWith("@types/") && name !== "typescript-eslint")
      expect(architecture).toContain(name);
  }
});

test("pure folders name no clock, no randomness and no waiting in their words either (G1)", () => {
  for (const folder of ["raft", "queue"]) {
    for (const file of readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"))) {
      expect(read(`${folder}/${file}`), file).not.toMatch(
        /Date\.now|Math\.random|setTimeout|await /,
      );
    }
  }
});

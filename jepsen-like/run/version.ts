// What was tried, and on what: for who wants to repeat it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type as system } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the checkout, seen from the source or from dist/. */
const root = join(
  dirname(fileURLToPath(import.meta.url)),
  ...(import.meta.url.endsWith(".ts") ? ["..", ".."] : ["..", "..", ".."]),
);

/** "0.1.0 (bb1b58d)", with "+" when files were changed since; the commit only where git knows it. */
export function versionOf(): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly version: string;
  };
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, {
        cwd: root,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    const commit = git("rev-parse", "--short", "HEAD").trim();
    const changed = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
    return `${version} (${commit}${changed ? "+" : ""})`;
  } catch {
    return version;
  }
}

export function hostFacts(): { readonly name: string; readonly value: string }[] {
  return [
    { name: "processors", value: `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown"}` },
    { name: "memory", value: `${(totalmem() / 2 ** 30).toFixed(1)} GiB` },
    { name: "system", value: `${system()} ${release()}` },
    { name: "node", value: process.version },
  ];
}

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { items } from "../../bench/items/index.ts";
import { benchCommand, parseOptions } from "../../bench/options.ts";
import { parsePeersOptions, peersCommand } from "../../bench/peers/options.ts";
import { missingText, systems } from "../../bench/peers/systems.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** The exit code, and what was said. */
function ended(parse: () => unknown): { readonly code: unknown; readonly said: string } {
  let said = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  let code: unknown;
  vi.spyOn(process, "exit").mockImplementation((given) => {
    code = given;
    throw new Error("ended");
  });
  expect(parse).toThrow("ended");
  return { code, said };
}

describe("npm run bench", () => {
  test("measures everything that does not take long, unless told otherwise", () => {
    const names = parseOptions([]).items.map(({ name }) => name);
    expect(names).toContain("pipelined");
    expect(names).not.toContain("soak");
    expect(parseOptions(["--only", "soak,closed"]).items.map(({ name }) => name)).toEqual([
      "soak",
      "closed",
    ]);
  });

  test("has the sizes of the targets as defaults", () => {
    expect(parseOptions([])).toMatchObject({
      bytes: 256,
      keys: 1_000,
      nodes: 3,
      preload: 200_000,
      failovers: 20,
      minutes: 60,
      repetitions: 1,
      seconds: undefined,
    });
  });

  test.each([
    ["--only", "nothing", "There is no item nothing"],
    ["--size", "15", "Expected a whole number from 16 to 1048576"],
    ["--reps", "0", "Expected a whole number"],
    ["--nodes", "three", "Expected a whole number"],
  ])("%s %s ends with code 2 and says why", (flag, value, why) => {
    const { code, said } = ended(() => parseOptions([flag, value]));
    expect(code).toBe(2);
    expect(said).toContain(why);
  });

  test("items have names of their own, and one line each", () => {
    expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
    for (const { about } of items) expect(about).toMatch(/^[^\n]{20,130}$/);
  });
});

describe("npm run bench:peers", () => {
  test("wants to know where the scripts are", () => {
    const { code, said } = ended(() => parsePeersOptions([]));
    expect([code, said]).toEqual([2, expect.stringContaining("'--peers <dir>'")]);
  });

  test("says what is missing where they are not", () => {
    const { code, said } = ended(() => parsePeersOptions(["--peers", import.meta.dirname]));
    expect(code).toBe(2);
    expect(said).toMatch(/does not hold the scripts .* it has no run, bench\.mjs/);
    expect(ended(() => parsePeersOptions(["--peers", "/nowhere"])).said).toContain("no folder");
  });

  test("names what is not installed with the line that installs it", () => {
    expect(missingText([])).toBeUndefined();
    const missing = systems.filter(({ name }) => name === "etcd" || name === "nats");
    expect(missingText(missing)).toContain("left out: NATS, etcd");
    expect(missingText(missing)).toContain("nats-server etcd-server etcd-client");
  });
});

test("each flag has its words in --help, and its place in the README", () => {
  const readme = readFileSync(new URL("../../bench/README.md", import.meta.url), "utf8");
  for (const command of [benchCommand(), peersCommand()])
    for (const { long, description } of command.options) {
      expect(description.length, long ?? "").toBeGreaterThan(8);
      expect(readme, long ?? "").toContain(long);
    }
});

test("the README names each item", () => {
  const readme = readFileSync(new URL("../../bench/README.md", import.meta.url), "utf8");
  for (const { name } of items) expect(readme, name).toContain(`\`${name}\``);
});

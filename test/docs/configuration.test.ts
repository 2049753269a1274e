import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { expect, test } from "vitest";
import { environmentName, serverOptions, type ServerOption } from "../../node/server-options.ts";

const path = new URL("../../docs/configuration.md", import.meta.url);

const introduction = `# Configuration of a server

Made from the table in node/server-options.ts; a test keeps the two equal (\`UPDATE_DOCS=1 npx vitest run --project unit test/docs\` rewrites this page).

A flag of \`raftq server\` wins over the environment, the environment over the file (\`--config FILE\` or \`RAFTQ_CONFIG\`: JSON, keyed by the flag's name without dashes), the file over the default. A wrong value stops the start and names the option.
`;

function bounds(option: ServerOption): string {
  switch (option.kind) {
    case "number":
      return `${option.min} to ${option.max}${option.unit === "" ? "" : ` ${option.unit}`}`;
    case "text":
      return option.choices?.join(", ") ?? "";
    case "members":
      return "1 to 7 members";
    case "flag":
      return "true, false";
  }
}

function standardOf(option: ServerOption): string {
  switch (option.kind) {
    case "number":
    case "text":
      return option.default === undefined ? "required" : String(option.default);
    case "members":
      return "none";
    case "flag":
      return "false";
  }
}

function row(option: ServerOption): string {
  const standard = standardOf(option);
  const cells = [
    `\`--${option.flag}\``,
    `\`${environmentName(option)}\``,
    standard,
    bounds(option),
    option.help,
  ];
  return `| ${cells.join(" | ")} |`;
}

test("docs/configuration.md lists every option of a server as the code has it", async () => {
  const table = [
    "| flag | environment | default | values | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...Object.values(serverOptions).map(row),
  ].join("\n");
  const wanted = await format(`${introduction}\n${table}\n`, {
    parser: "markdown",
    printWidth: 100,
  });
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, wanted);
  expect(readFileSync(path, "utf8")).toBe(wanted);
});

import { readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { describe, expect, test } from "vitest";
import { neverAnError, notes, ofEveryCall } from "./api-notes.ts";
import { page, reasons, root, services } from "./api-page.ts";

const path = new URL("../../docs/api.md", import.meta.url);
const methods = services.flatMap((service) => service.methodsArray);

test("docs/api.md says what proto/queue.proto and the notes say", async () => {
  const wanted = await format(page(), { parser: "markdown", printWidth: 100 });
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, wanted);
  expect(readFileSync(path, "utf8")).toBe(wanted);
});

describe("the notes", () => {
  test("are there for each call, and for no other", () => {
    expect(Object.keys(notes).sort()).toEqual(methods.map((method) => method.name).sort());
  });

  test("each call says what it does", () => {
    const silent = methods.filter((method) => (method.comment ?? "") === "");
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test("each reason of the contract is one of every call, or of some; each has a status", () => {
    const named = new Set([
      ...ofEveryCall,
      ...neverAnError,
      ...Object.values(notes).flatMap(({ errors }) => Object.keys(errors)),
    ]);
    const contract = Object.keys(root.lookupEnum("raftq.v1.Reason").values).filter(
      (name) => name !== "REASON_UNSPECIFIED",
    );
    expect([...named].sort()).toEqual(contract.sort());
    expect([...reasons.keys()].sort()).toEqual(contract.sort());
  });

  test.each(methods.map((method) => [method.name, method] as const))(
    "%s: the example is a request of the contract",
    (name, method) => {
      const type = root.lookupType(`raftq.v1.${method.requestType}`);
      const example = notes[name]?.example ?? {};
      const message = type.fromObject(example);
      expect(type.toObject(message, { enums: String, longs: Number, bytes: String })).toEqual(
        example,
      );
    },
  );
});

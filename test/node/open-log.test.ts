// F7: a state and a log that do not belong together stop the node with a sentence, not with an assertion.

import { describe, expect, test } from "vitest";
import type { OpenedLog } from "../../node/log/index.ts";
import { checkTogether } from "../../node/open-log.ts";

/** A log that holds entries 11 to 20. */
const opened = {
  restored: { snapshot: { last: { index: 10, term: 1 } }, lastIndex: 20 },
} as unknown as OpenedLog;

describe("a state beside a log", () => {
  test.each([10, 15, 20])("that has applied %d goes on", (applied) => {
    expect(() => checkTogether(opened, applied, "data")).not.toThrow();
  });

  test.each([
    [9, "an old copy of state/, or none"],
    [21, "an old copy of log/"],
  ])("that has applied %d does not: %s", (applied) => {
    expect(() => checkTogether(opened, applied, "data")).toThrow(
      `data: the state has applied entries through ${applied}, the log holds 11 to 20`,
    );
  });
});

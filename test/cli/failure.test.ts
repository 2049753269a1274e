import { describe, expect, test } from "vitest";
import { CommandError, exitCodes, failureOf, UsageError } from "../../cli/failure.ts";
import { QueueError, type Reason } from "../../client/index.ts";
import { saidBy } from "./said.ts";

function refusal(reason: Reason, field = ""): QueueError {
  return new QueueError("what was wrong", { reason, code: 3, outcome: "NOT_APPLIED", field });
}

describe("exit codes", () => {
  test.each([
    [new UsageError("x"), exitCodes.usage],
    [new CommandError("x"), exitCodes.refused],
    [new CommandError("x", exitCodes.unreachable), exitCodes.unreachable],
    [refusal("QUEUE_FULL"), exitCodes.refused],
    [refusal("NO_LEADER"), exitCodes.unreachable],
    [refusal("TIMEOUT"), exitCodes.unreachable],
    [refusal("UNREACHABLE"), exitCodes.unreachable],
    [new Error("x"), exitCodes.refused],
    ["a string", exitCodes.refused],
  ])("%s", (error, exitCode) => {
    expect(failureOf(error).exitCode).toBe(exitCode);
  });

  test("a wrong command line is 2, help is 0", async () => {
    expect((await saidBy("no-such-command")).code).toBe(exitCodes.usage);
    expect((await saidBy("queue", "create", "q", "--lease-ms", "x")).code).toBe(exitCodes.usage);
    expect((await saidBy("--help")).code).toBe(exitCodes.ok);
  });
});

describe("the line", () => {
  test("names reason, field, and what to do next", () => {
    expect(failureOf(refusal("KEY_REQUIRED", "key")).line).toBe(
      "KEY_REQUIRED (key): what was wrong; give one with --key",
    );
  });

  test("is one line without a field or a next step", () => {
    expect(failureOf(refusal("TOO_LARGE")).line).toBe("TOO_LARGE: what was wrong");
  });
});

import { describe, expect, test } from "vitest";
import { checkEnqueue, keyOf } from "../../cli/messages.ts";
import { buildProgram } from "../../cli/program.ts";
import { pairs, queueOptions } from "../../cli/queue-options.ts";
import { parseEndpoints } from "../../cli/remote.ts";
import { commandLineOption } from "../../cli/server.ts";
import { serverOptions } from "../../node/index.ts";

describe("--endpoints", () => {
  test("a list, blanks around it do not matter", () => {
    expect(parseEndpoints("a:1, b:65535,")).toEqual(["a:1", "b:65535"]);
    expect(parseEndpoints("[::1]:7400")).toEqual(["[::1]:7400"]);
  });

  test.each(["", " , ", "a", "a:", "a:0", "a:65536", "a:x", "a b:1"])(
    "%j is refused, naming the option",
    (text) => {
      expect(() => parseEndpoints(text)).toThrow(/^--endpoints: /);
    },
  );
});

describe("queue options", () => {
  test("only what was given is sent: the rest is the server's to decide", () => {
    expect(queueOptions({})).toEqual({});
    expect(queueOptions({ ordering: "total", leaseMs: "5000" })).toEqual({
      ordering: "TOTAL",
      leaseMs: 5_000,
    });
  });

  test("everything", () => {
    const options = queueOptions({
      ordering: "KEY",
      maxInFlightPerKey: "2",
      leaseMs: "100",
      maxAttempts: "7",
      retryInitialMs: "10",
      retryMultiplier: "1.5",
      retryMaxMs: "1000",
      onExhausted: "dead-letter",
      deadLetterQueue: "dead",
      maxMessages: "0",
      maxBytes: "1000000",
      maxMessageBytes: "4194304",
      paused: true,
      label: ["team=ledger", "note=a=b"],
    });
    expect(options).toEqual({
      ordering: "KEY",
      maxInFlightPerKey: 2,
      leaseMs: 100,
      maxAttempts: 7,
      retry: { initialMs: 10, multiplier: 1.5, maxMs: 1_000 },
      onExhausted: "DEAD_LETTER",
      deadLetterQueue: "dead",
      maxMessages: 0,
      maxBytes: 1_000_000,
      maxMessageBytes: 4_194_304,
      paused: true,
      labels: { team: "ledger", note: "a=b" },
    });
  });

  test.each([
    [{ leaseMs: "99" }, "--lease-ms: is 99; expected a whole number from 100 to 43200000"],
    [{ leaseMs: "5s" }, "--lease-ms: is 5s; expected a whole number from 100 to 43200000"],
    [{ maxAttempts: "1.5" }, "--max-attempts: is 1.5; expected a whole number from 1 to 1000"],
    [{ maxMessages: "-1" }, /^--max-messages: is -1; expected a whole number from 0 to /],
    [{ retryMultiplier: "0.5" }, "--retry-multiplier: is 0.5; expected a number from 1 to 10"],
    [{ retryMultiplier: "" }, /^--retry-multiplier: /],
    [{ ordering: "fifo" }, "--ordering: is fifo; expected one of key, total, none"],
    [
      { onExhausted: "drop" },
      /^--on-exhausted: is drop; expected one of park, dead-letter, discard/,
    ],
    [{ label: ["x"] }, "--label: x is not name=value"],
    [{ label: ["=x"] }, "--label: =x is not name=value"],
    [{ label: ["a=1", "a=2"] }, "--label: a is given twice"],
  ] as const)("%j is refused by name", (flags, message) => {
    expect(() => queueOptions(flags)).toThrow(message);
  });

  test("a name from Object.prototype is a name like any other", () => {
    expect(pairs("--header", ["constructor=1"])).toEqual({ constructor: "1" });
    expect(() => queueOptions({ ordering: "constructor" })).toThrow("--ordering: is constructor");
  });
});

describe("enqueue", () => {
  const flags = { lines: false };

  test("flags that exclude each other are told", () => {
    expect(() => checkEnqueue("x", { ...flags, file: "f" })).toThrow("--file");
    expect(() => checkEnqueue("x", { lines: true })).toThrow("--lines");
    expect(() => checkEnqueue("x", { ...flags, key: "k", keyFromJson: "f" })).toThrow(
      "--key-from-json",
    );
    expect(() => checkEnqueue("x", { ...flags, key: "k" })).not.toThrow();
  });

  test("--key-from-json takes texts and numbers", () => {
    expect(keyOf('{"account":"a-1"}', { keyFromJson: "account" })).toBe("a-1");
    expect(keyOf('{"account":2378}', { keyFromJson: "account" })).toBe("2378");
  });

  test.each(["{}", "[]", "null", '{"account":null}', '{"account":{}}', "not json"])(
    "%s has no key",
    (body) => {
      expect(() => keyOf(body, { keyFromJson: "account" })).toThrow(/^--key-from-json: /);
    },
  );

  test("without either flag the key is empty: a queue without order needs none", () => {
    expect(keyOf("x", {})).toBe("");
  });
});

describe("help", () => {
  test("`raftq server` has every option of the table, with its limits, default and environment variable", () => {
    const server = buildProgram().commands.find((command) => command.name() === "server");
    const help = server?.helpInformation().replace(/\s+/g, " ") ?? "";
    for (const option of Object.values(serverOptions)) {
      expect(help).toContain(`--${option.flag} `);
      expect(help).toContain(commandLineOption(option).description.replace(/\s+/g, " "));
    }
    expect(help).not.toContain("exit-with-stdin");
  });

  test("every command of `raftq cluster` is described, with examples", () => {
    const cluster = buildProgram().commands.find((command) => command.name() === "cluster");
    const names = cluster?.commands.map((command) => command.name());
    expect(names).toEqual(["status", "add", "promote", "remove", "replace", "transfer"]);
    expect(cluster?.commands.every((command) => command.description() !== "")).toBe(true);
  });

  test("exit codes are documented", () => {
    let text = "";
    const program = buildProgram().configureOutput({ writeOut: (part) => (text += part) });
    expect(() => program.parse(["--help"], { from: "user" })).toThrow();
    expect(text).toMatch(/Exit codes:\n {2}0 {2}done/);
  });
});

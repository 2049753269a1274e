import { describe, expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../node/config.ts";
import { environmentName, serverOptions } from "../../node/server-options.ts";

const members = ["1=h1:7401/h1:7400", "2=h2:7401/h2:7400", "3=h3:7401/h3:7400"];
const good = { "node-id": "1", "cluster-id": "prod", member: members };

function refusal(flags: Record<string, string | readonly string[]>): ConfigError {
  try {
    parseConfig({ ...good, ...flags }, {});
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("the configuration of a server", () => {
  test("has a default for all but who it is and who the members are", () => {
    const config = parseConfig(good, {});
    expect(config).toMatchObject({ nodeId: 1, clusterId: "prod", listen: "127.0.0.1:7400" });
    expect(config.members[1]).toEqual({ id: 2, peer: "h2:7401", client: "h2:7400" });
  });

  test("a flag wins over the environment, the environment over the default", () => {
    const environment = { RAFTQ_ELECTION_MS: "900", RAFTQ_TICK_MS: "20" };
    const config = parseConfig({ ...good, "election-ms": "700" }, environment);
    expect(config).toMatchObject({ electionMs: 700, tickMs: 20 });
  });

  test("members may come from one variable, separated by commas", () => {
    const config = parseConfig(
      { "node-id": "2", "cluster-id": "prod" },
      { RAFTQ_MEMBER: members.join(",") },
    );
    expect(config.members).toHaveLength(3);
  });

  test.each([
    ["node-id", { "node-id": "0" }, "whole number from 1"],
    ["node-id", { "node-id": "x" }, "is x"],
    ["cluster-id", { "cluster-id": "a b" }, "1 to 64"],
    ["member", { member: ["1=h1:7401"] }, "ID=PEER_HOST:PORT/CLIENT_HOST:PORT"],
    ["member", { member: [members[0]!, members[0]!] }, "same ID twice"],
    ["member", { "node-id": "9" }, "none has this node's ID 9"],
    ["heartbeat-ms", { "heartbeat-ms": "400" }, "a third of election-ms (500)"],
    ["log-level", { "log-level": "loud" }, "expected one of trace"],
    ["listen", { listen: "nowhere" }, "host:port"],
    ["tick-ms", { "tick-ms": "1.5" }, "(ms)"],
    ["member", { member: ["2147483649=h:1/h:2"] }, "ID=PEER_HOST:PORT/CLIENT_HOST:PORT"],
    ["member", { member: ["1=h:0/h:2"] }, "ID=PEER_HOST:PORT/CLIENT_HOST:PORT"],
    ["member", { member: ["1=hö:1/h:2"] }, "ID=PEER_HOST:PORT/CLIENT_HOST:PORT"],
    ["join", { join: "maybe" }, "expected true or false"],
  ])("--%s is refused by name, with what was expected: %j", (option, flags, expected) => {
    const error = refusal(flags);
    expect(error.option).toBe(option);
    expect(error.message).toContain(expected);
  });

  test("a node that joins needs no members; those it is given need not name it", () => {
    const joining = { "node-id": "4", "cluster-id": "prod" };
    expect(parseConfig({ ...joining, join: true }, {})).toMatchObject({ join: true, members: [] });
    expect(parseConfig(joining, { RAFTQ_JOIN: "true" }).join).toBe(true);
    expect(parseConfig({ ...joining, join: true, member: members }, {}).members).toHaveLength(3);
    // Later starts need neither: the log knows. Whether this is the first one is for openNode to see.
    expect(parseConfig(joining, {})).toMatchObject({ join: false, members: [] });
  });

  test("every option has a sentence of help, a flag and an environment variable of its own", () => {
    const options = Object.values(serverOptions);
    expect(options.every(({ help }) => help.endsWith("."))).toBe(true);
    expect(new Set(options.map(environmentName)).size).toBe(options.length);
  });
});

// Stories told by transcripts: each file in scenarios/ holds commands, and below each, everything that the cluster then did.
// UPDATE_SCENARIOS=1 rewrites them; keep a change only when its diff can be explained. Commands:
//   cluster voters=1,2,3 [learners=4] [log.2=1,1,2] [term.2=3] [keep=bytes] [quiet]
//                     a cluster; logs are given by their terms; quiet: without the regular heartbeats
//   tick 1 [n]        time passes at one member only        tick all [n]        at all, messages delivered between ticks
//   campaign 1        ticks until its election time-out     settle              deliver and work until nothing is left
//   deliver 1>2       what is under way on this link        drop 1>2            loses it
//   cut 1>2 | isolate 1 | heal                              crash 1 | start 1
//   join 4 (a new machine)    add 1 4 | promote 1 4 | remove 1 4    transfer 1 2    (1 is asked)
//   propose 1 a b     read 1 7        compact 1 [keep]      hint 1 (its leader's process is gone)      status | log 1

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  decodeMembership,
  type EntryId,
  type Input,
  type Membership,
  type Message,
  type NodeId,
  type Output,
} from "../../raft/index.ts";
import { Cluster } from "./cluster.ts";
import { entry, plain, type Member } from "./harness.ts";

const folder = new URL("scenarios/", import.meta.url);

function id({ term, index }: EntryId): string {
  return `${index}@${term}`;
}

function members({ voters, learners }: Membership): string {
  return `voters=${voters.join()}${learners.length === 0 ? "" : ` learners=${learners.join()}`}`;
}

function entriesOf(entries: Output["committed"]): string {
  return entries
    .map(
      ({ kind, payload, ...at }) =>
        `${id(at)} ${kind === "command" ? plain.decode(payload) : kind === "noop" ? kind : members(decodeMembership(payload))}`,
    )
    .join(", ");
}

function bodyOf(message: Message): string {
  switch (message.kind) {
    case "pre-vote-request":
      return `last=${id(message.last)}`;
    case "vote-request":
      return `last=${id(message.last)}${message.transfer ? " transfer" : ""}`;
    case "pre-vote-reply":
    case "vote-reply":
      return message.granted ? "granted" : "refused";
    case "append-request":
      return `after ${id(message.previous)} [${entriesOf(message.entries)}] commit=${message.commit}`;
    case "append-reply":
      return message.outcome.kind === "accepted"
        ? `accepted match=${message.outcome.match}`
        : `refused after ${id(message.previous)} try=${id(message.outcome.conflict)}`;
    case "heartbeat":
      return `commit=${message.commit} round=${message.round}`;
    case "heartbeat-reply":
      return `round=${message.round}`;
    case "snapshot-chunk":
      return `last=${id(message.snapshot.last)} chunk=${message.chunk}${message.done ? " done" : ""}`;
    case "snapshot-chunk-reply":
      return `last=${id(message.last)} next=${message.next}`;
    case "timeout-now":
      return `last=${id(message.last)}`;
  }
}

class Story {
  #cluster = new Cluster();
  #lines: string[] = [];
  #isQuiet = false;

  run(command: string): string[] {
    this.#lines = [];
    const [verb = "", ...words] = command.split(/\s+/);
    this.#do(verb, words);
    return this.#lines;
  }

  #say(line: string): void {
    this.#lines.push(line);
  }

  #do(verb: string, words: readonly string[]): void {
    const cluster = this.#cluster;
    const [first = "", ...rest] = words;
    const member = Number(first);
    const [from = 0, to = 0] = first.split(">").map(Number);
    switch (verb) {
      case "cluster": {
        this.#open(words);
        return;
      }
      case "settle": {
        cluster.settle();
        return;
      }
      case "tick": {
        const count = Number(rest[0] ?? 1);
        if (first === "all") {
          cluster.tick(count);
          return;
        }
        for (let n = 0; n < count; n += 1) cluster.at(member).step({ kind: "tick" });
        return;
      }
      case "campaign": {
        cluster.campaign(member);
        return;
      }
      case "deliver":
      case "drop": {
        for (const id of cluster.members.keys()) cluster.at(id).settle();
        const isOnLink = (message: Message): boolean => message.from === from && message.to === to;
        const due = cluster.queue.filter(isOnLink);
        cluster.queue = cluster.queue.filter((message) => !isOnLink(message));
        for (const message of due) {
          if (verb === "drop") cluster.dropped(message);
          else cluster.deliver(message);
        }
        return;
      }
      case "cut": {
        cluster.cut(from, to);
        return;
      }
      case "isolate": {
        cluster.isolate(member);
        return;
      }
      case "heal": {
        cluster.heal();
        return;
      }
      case "crash": {
        cluster.crash(member);
        return;
      }
      case "start": {
        cluster.start(member);
        return;
      }
      case "propose":
        for (const payload of rest) cluster.propose(member, payload);
        return;
      case "join":
        cluster.join(member);
        return;
      case "add":
        cluster.change(member, { kind: "add-learner", id: Number(rest[0]), context: "" });
        return;
      case "promote":
      case "remove":
        cluster.change(member, { kind: verb, id: Number(rest[0]), context: "" });
        return;
      case "transfer":
        cluster.at(member).step({ kind: "transfer", to: Number(rest[0]) });
        return;
      case "read":
        cluster.at(member).step({ kind: "read", id: Number(rest[0]) });
        return;
      case "compact": {
        const { machine } = cluster.at(member);
        cluster.at(member).flush();
        cluster.at(member).compact(machine.applied - Number(rest[0] ?? 0));
        return;
      }
      case "hint":
        cluster.at(member).step({ kind: "leader-gone" });
        return;
      case "status":
        for (const { status } of cluster.members.values()) {
          const { role, term, vote, leader, commit, last, compacted } = status;
          const known = role === "leader" ? "" : ` of ${leader ?? "nobody"}`;
          const base = compacted.index === 0 ? "" : ` compacted=${id(compacted)}`;
          const changed =
            status.membershipIndex === 0
              ? ""
              : ` ${members(status.membership)}${status.membershipCommitted ? "" : " (not committed)"}`;
          this.#say(
            `${status.id}: ${role}${known} term=${term} vote=${vote ?? "-"} commit=${commit} last=${id(last)}${base}${changed}`,
          );
          for (const { id: peer, state, match, next } of status.progress) {
            this.#say(`   ${peer}: ${state} match=${match} next=${next}`);
          }
        }
        return;
      case "log": {
        this.#say(`${member}: ${cluster.log(member).join(" ")}`);
        return;
      }
      default:
        throw new Error(`no such command: ${verb}`);
    }
  }

  #open(words: readonly string[]): void {
    this.#isQuiet = words.includes("quiet");
    const options = words.map((word) => word.split("=") as [string, string]);
    const ids = (name: string): NodeId[] => {
      const value = options.find(([key]) => key === name)?.[1];
      return value === undefined ? [] : value.split(",").map(Number);
    };
    const perMember = <T>(name: string, read: (value: string) => T): Record<NodeId, T> =>
      Object.fromEntries(
        options
          .filter(([key]) => key.startsWith(`${name}.`))
          .map(([key, value]) => [Number(key.slice(name.length + 1)), read(value)]),
      );
    this.#cluster = new Cluster({
      membership: { voters: ids("voters"), learners: ids("learners"), context: "" },
      logs: perMember("log", (terms) =>
        terms.split(",").map((term, at) => entry(Number(term), at + 1)),
      ),
      terms: perMember("term", Number),
      ...(ids("keep")[0] === undefined ? {} : { config: { cacheBytesMax: ids("keep")[0]! } }),
    });
    this.#cluster.observer = {
      sent: (_node, message) => this.#message("", message),
      stepped: (node, input, _before, _after, output) => this.#stepped(node, input, output),
    };
    this.#cluster.dropped = (message) => this.#message(" (lost)", message);
  }

  #message(suffix: string, message: Message): void {
    const { kind, from, to, term } = message;
    const isRound = kind === "heartbeat-reply" || (kind === "heartbeat" && message.round > 0);
    if (this.#isQuiet && isRound) return;
    this.#say(`${from} -> ${to}: ${kind} term=${term} ${bodyOf(message)}${suffix}`);
  }

  #stepped({ id: self }: Member, input: Input, output: Output): void {
    const { roleChange, persist, committed, reads, proposed, transfer, fetches } = output;
    if (roleChange !== undefined) {
      const { role, term, leader, cause } = roleChange;
      const known = role === "follower" ? ` of ${leader ?? "nobody"}` : "";
      this.#say(`${self}: becomes ${role}${known} at term ${term}: ${cause}`);
    }
    if (proposed?.kind === "refused") this.#say(`${self}: proposal refused: ${proposed.reason}`);
    if (transfer?.kind === "refused") this.#say(`${self}: transfer refused: ${transfer.reason}`);
    if (persist !== undefined) {
      const { hardState, truncateAfter, entries } = persist;
      const parts = [
        hardState === undefined ? "" : ` term=${hardState.term} vote=${hardState.vote ?? "-"}`,
        truncateAfter === undefined ? "" : ` truncate after ${truncateAfter}`,
        entries.length === 0 ? "" : ` [${entriesOf(entries)}]`,
      ];
      this.#say(`${self}: persists${parts.join("")}`);
    }
    if (committed.length > 0) this.#say(`${self}: commits [${entriesOf(committed)}]`);
    for (const { id: read, index } of reads)
      this.#say(`${self}: read ${read} at ${index ?? "nothing: lost"}`);
    for (const { for: to, from, through } of fetches) {
      this.#say(`${self}: fetches ${from}..${through} for ${to}`);
    }
    if (input.kind === "snapshot-installed") {
      this.#say(`${self}: installed the snapshot ${id(input.snapshot.last)}`);
    }
  }
}

/** Comments and blank lines are kept; below `----` stands what the last command did. */
function replay(source: string): string {
  const story = new Story();
  const written: string[] = [];
  let isOutput = false;
  for (const line of source.trimEnd().split("\n")) {
    if (line === "----") isOutput = true;
    else if (line === "") {
      isOutput = false;
      written.push("");
    } else if (isOutput) continue;
    else if (line.startsWith("#")) written.push(line);
    else written.push(line, "----", ...story.run(line));
  }
  return `${written.join("\n")}\n`;
}

describe("scenarios", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
  test.each(files)("%s", (name) => {
    const file = new URL(name, folder);
    const recorded = readFileSync(file, "utf8");
    const replayed = replay(recorded);
    if (process.env["UPDATE_SCENARIOS"] === "1") writeFileSync(file, replayed);
    else expect(replayed).toBe(recorded);
  });
});

// How long a cluster is without a leader after the process of its leader was killed, in ticks of 10 ms, with messages and disks
// that take up to a tick each. The closed connections give both followers the hint `leader-gone` at nearly the same time.

import { describe, expect, test } from "vitest";
import { Raft, type Message, type NodeId, type Output } from "../../raft/index.ts";
import { configOf, randomFrom, restored } from "./harness.ts";

interface Run {
  readonly hintTicks: (id: NodeId, random: () => number) => number | undefined;
  readonly electionTicks?: number;
}

/** Ticks from the kill to a leader that has committed its first entry. */
function failover(seed: number, { hintTicks }: Run): number {
  const random = randomFrom(seed);
  const timing = { electionTicks: 50, heartbeatTicks: 5 };
  const rafts = new Map<NodeId, Raft>();
  for (const id of [2, 3]) {
    const config = configOf(id, { ...timing, random: randomFrom(seed * 10 + id) });
    rafts.set(id, new Raft(config, restored({})));
  }
  let later: { readonly at: number; readonly run: () => void }[] = [];
  let now = 0;
  const soon = (run: () => void): void => {
    later.push({ at: now + (random() < 0.5 ? 0 : 1), run });
  };
  const take = (id: NodeId, output: Output): void => {
    const send = (message: Message): void => {
      const to = rafts.get(message.to);
      if (to !== undefined) soon(() => take(message.to, to.step({ kind: "message", message })));
    };
    output.sendNow.forEach(send);
    const { persist } = output;
    if (persist === undefined) {
      output.sendAfterPersist.forEach(send);
      return;
    }
    soon(() => {
      take(id, rafts.get(id)!.step({ kind: "persisted", sequence: persist.sequence }));
      output.sendAfterPersist.forEach(send);
    });
  };
  const step = (id: NodeId, input: Parameters<Raft["step"]>[0]): void => {
    take(id, rafts.get(id)!.step(input));
  };
  const isDone = (): boolean => [...rafts.values()].some((raft) => raft.status().commit > 0);

  // The leader (1) was heard just now, and is killed.
  for (const id of rafts.keys()) {
    const message = { kind: "heartbeat", from: 1, to: id, term: 1, commit: 0, round: 1 } as const;
    step(id, { kind: "message", message });
  }
  const hints = new Map([...rafts.keys()].map((id) => [id, hintTicks(id, random)]));
  for (now = 0; now < 1000 && !isDone(); now += 1) {
    for (const id of rafts.keys()) {
      if (hints.get(id) === now) step(id, { kind: "leader-gone" });
      step(id, { kind: "tick" });
    }
    for (let due = later.filter(({ at }) => at <= now); due.length > 0;) {
      later = later.filter(({ at }) => at > now);
      for (const { run } of due) run();
      due = later.filter(({ at }) => at <= now);
    }
  }
  return now;
}

function distribution(run: Run): { median: number; slow: number; max: number } {
  const times = Array.from({ length: 500 }, (_, n) => failover(n + 1, run)).sort((a, b) => a - b);
  return { median: times[250]!, slow: times[475]!, max: times[499]! };
}

describe("failover, in ticks of 10 ms", () => {
  test("both followers see the closed connection within 20 ms: well below 300 ms, split votes included", () => {
    const { median, slow, max } = distribution({
      hintTicks: (_id, random) => Math.floor(random() * 3),
    });
    expect(median).toBeLessThan(20);
    expect(slow).toBeLessThan(30);
    expect(max).toBeLessThan(200);
  });

  test("one hint comes 60 ms after the other: the refused pre-vote is asked again", () => {
    const { median, slow } = distribution({ hintTicks: (id) => (id === 2 ? 0 : 6) });
    expect(median).toBeLessThan(25);
    expect(slow).toBeLessThan(35);
  });

  test("only one follower gets the hint: it asks until the other's stickiness ends", () => {
    const { median, slow } = distribution({ hintTicks: (id) => (id === 2 ? 0 : undefined) });
    expect(median).toBeLessThan(70);
    expect(slow).toBeLessThan(80);
  });

  test("no hint at all: one to two election time-outs, seldom more", () => {
    const { median, slow } = distribution({ hintTicks: () => undefined });
    expect(median).toBeLessThan(80);
    expect(slow).toBeLessThan(110);
  });

  test("the hint changes nothing for a cluster whose leader lives", () => {
    const config = configOf(2, { electionTicks: 50, heartbeatTicks: 5 });
    const raft = new Raft(config, restored({}));
    const beat = { kind: "heartbeat", from: 1, to: 2, term: 1, commit: 0, round: 1 } as const;
    raft.step({ kind: "message", message: beat });
    raft.step({ kind: "leader-gone" });
    raft.step({ kind: "message", message: beat });
    for (let n = 0; n < 49; n += 1) raft.step({ kind: "tick" });
    expect(raft.status()).toMatchObject({ role: "follower", leader: 1, term: 1 });
  });
});

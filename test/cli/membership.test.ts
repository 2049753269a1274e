// The steps of `raftq cluster`, and what is said about members and survivors.

import { describe, expect, test } from "vitest";
import { promoteWhenReady, replaceMember } from "../../cli/membership.ts";
import { plain } from "../../cli/output.ts";
import { survivorText } from "../../cli/recover.ts";
import { QueueError, type Client, type Reason } from "../../client/index.ts";
import { saidBy } from "./said.ts";

function refusal(reason: Reason): QueueError {
  return new QueueError(reason, { reason, code: 9, outcome: "NOT_APPLIED" });
}

/** A cluster of 1, 2, 3 that answers each call once, as scripted. */
function fakeClient(promotions: readonly (Reason | boolean)[]) {
  const calls: string[] = [];
  const left = [...promotions];
  const members = [1, 2, 3].map((nodeId) => ({ nodeId, lag: 70 }));
  const client = {
    addLearner: ({ nodeId }: { nodeId: number }) => {
      calls.push(`add ${nodeId}`);
      members.push({ nodeId, lag: 70 });
      return Promise.resolve({ changed: true, membershipIndex: 5 });
    },
    promote: (nodeId: number) => {
      calls.push(`promote ${nodeId}`);
      const next = left.shift();
      return typeof next === "string"
        ? Promise.reject(refusal(next))
        : Promise.resolve({ changed: next ?? true, membershipIndex: 6 });
    },
    removeMember: (nodeId: number) => {
      calls.push(`remove ${nodeId}`);
      return Promise.resolve({ changed: true, membershipIndex: 7 });
    },
    cluster: () => Promise.resolve({ leader: { endpoint: "h1:2" }, members }),
  };
  return { client: client as unknown as Client, calls };
}

const four = { nodeId: 4, peerAddress: "h4:1", clientAddress: "h4:2" };
const quiet = (): Promise<void> => Promise.resolve();

describe("a learner that is to vote", () => {
  test("is promoted as soon as it has caught up; its lag is told meanwhile", async () => {
    const { client, calls } = fakeClient(["MEMBER_LAGGING", "MEMBERSHIP_CHANGE_PENDING", true]);
    const lags: number[] = [];
    const changed = await promoteWhenReady(client, 3, 60_000, (_id, lag) => lags.push(lag));
    expect(changed).toBe(true);
    expect(calls).toHaveLength(3);
    expect(lags).toEqual([70, 70]);
  });

  test("is given up after the time that was given, and said to be a learner still", async () => {
    const { client } = fakeClient(["MEMBER_LAGGING"]);
    await expect(promoteWhenReady(client, 3, 0)).rejects.toThrow(/still a learner/);
  });

  test("every other refusal is final", async () => {
    const { client, calls } = fakeClient(["QUORUM_AT_RISK"]);
    await expect(promoteWhenReady(client, 3, 60_000)).rejects.toMatchObject({
      reason: "QUORUM_AT_RISK",
    });
    expect(calls).toHaveLength(1);
  });
});

describe("a member that is replaced", () => {
  test("goes after the new one votes", async () => {
    const { client, calls } = fakeClient([true]);
    const steps: string[] = [];
    const told = (step: string): Promise<void> => {
      steps.push(step);
      return Promise.resolve();
    };
    await replaceMember(client, 2, four, 1_000, told, () => undefined);
    expect(calls).toEqual(["add 4", "promote 4", "remove 2"]);
    expect(steps).toEqual(["added", "promoted", "removed"]);
  });

  test("must be one: a slip of the hand adds nobody", async () => {
    const { client, calls } = fakeClient([true]);
    const replacing = replaceMember(client, 9, four, 1_000, quiet, () => undefined);
    await expect(replacing).rejects.toThrow("node 9 is no member; members: 1, 2, 3");
    const itself = replaceMember(client, 4, four, 1_000, quiet, () => undefined);
    await expect(itself).rejects.toThrow(/its own place/);
    expect(calls).toEqual([]);
  });

  test("stays while the new one may not vote", async () => {
    const { client, calls } = fakeClient(["QUORUM_AT_RISK"]);
    await expect(
      replaceMember(client, 2, four, 1_000, quiet, () => undefined),
    ).rejects.toMatchObject({ reason: "QUORUM_AT_RISK" });
    expect(calls).toEqual(["add 4", "promote 4"]);
  });
});

describe("command lines that cannot be meant end with 2, before anything is asked", () => {
  test.each([
    ["cluster", "add", "4=h:1"],
    ["cluster", "add", "0=h:1/h:2"],
    ["cluster", "add", "4=h:1/h:2", "--wait-seconds", "soon"],
    ["cluster", "promote", "x"],
    ["cluster", "remove", "0"],
    ["cluster", "replace", "2"],
    ["cluster", "replace", "2", "--with", "nobody"],
    ["cluster", "transfer", "-1"],
    ["recover"],
  ])("%s %s %s %s %s", async (...words) => {
    const { code, err } = await saidBy(...words.filter((word) => typeof word === "string"));
    expect(code).toBe(2);
    expect(err).not.toBe("");
  });
});

test("what a survivor has, what is dropped and what is lost", () => {
  const text = survivorText(
    {
      clusterId: "prod",
      nodeId: 1,
      term: 7,
      lastTerm: 6,
      lastIndex: 12_345,
      applied: 12_300,
      voters: [1, 2],
      members: [
        { id: 1, peer: "h1:1", client: "h1:2" },
        { id: 2, peer: "h2:1", client: "h2:2" },
        { id: 5, peer: "", client: "" },
      ],
      freshId: 6,
      newClusterId: "prod-recovered",
      resumed: false,
    },
    plain,
  );
  expect(text).toMatch(/index 12,345, term 6/);
  expect(text).toMatch(/at least through 12,300; 45 later entries are kept/);
  expect(text).toMatch(/2 at h2:1, 5 \(learner\): their numbers are used up/);
  expect(text).toMatch(/Lost: whatever was acknowledged behind index 12,345/);
});

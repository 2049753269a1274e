// Queues and cluster: unary calls, in plain objects. Why without a session: see unary.ts.

import type { Channels } from "./channels.ts";
import type { Failure, UnaryMethod } from "./channel.ts";
import { callLeader, counted, gaveUp, type UnaryParts } from "./unary.ts";
import type {
  ClusterInfo,
  LeaderInfo,
  ListOptions,
  MembershipChanged,
  NewMember,
  QueueInfo,
  QueueOptions,
  SignalOptions,
} from "./options.ts";
import { listAll } from "./listing.ts";
import { queueInfoFromWire, queueOptionsToWire } from "./queue-info.ts";
import { QueueError, status } from "./errors.ts";
import { errorOf } from "./retry.ts";

const clusterAttemptMs = 2_000;

export class Admin {
  readonly #parts: UnaryParts;

  constructor(parts: UnaryParts) {
    this.#parts = parts;
  }

  /** @param owner the session that a temporary queue ends with; undefined: the queue stays. */
  async createQueue(
    name: string,
    options: QueueOptions,
    owner: string | undefined,
  ): Promise<{ queue: QueueInfo; created: boolean }> {
    const { reply } = await callLeader(this.#parts, "CreateQueue", {
      ...(owner === undefined ? {} : temporaryOf(owner)),
      name,
      options: queueOptionsToWire(options),
    });
    const { queue, created } = reply as { queue: object; created: boolean };
    return { queue: queueInfoFromWire(queue), created };
  }

  async getQueue(
    name: string,
    stale: boolean,
    signal: AbortSignal | undefined,
  ): Promise<QueueInfo> {
    const request = { name, consistency: stale ? "STALE" : "LINEARIZABLE" };
    const { reply } = await callLeader(this.#parts, "GetQueue", request, signal);
    return queueInfoFromWire((reply as { queue: object }).queue);
  }

  async listQueues(options: ListOptions): Promise<QueueInfo[]> {
    const queues = await listAll(this.#parts, "ListQueues", "queues", options);
    return queues.map(queueInfoFromWire);
  }

  async updateQueue(name: string, changes: QueueOptions, revision: number): Promise<QueueInfo> {
    const request = { name, options: queueOptionsToWire(changes), revision };
    const { reply } = await callLeader(this.#parts, "UpdateQueue", request);
    return queueInfoFromWire((reply as { queue: object }).queue);
  }

  async deleteQueue(name: string, revision: number, ifEmpty: boolean): Promise<void> {
    await callLeader(this.#parts, "DeleteQueue", { name, revision, ifEmpty }, undefined, (error) =>
      // An earlier try may have deleted it: gone is what was asked for.
      error.reason === "QUEUE_NOT_FOUND" ? {} : undefined,
    );
  }

  /** Idempotent, as the two below: asking again after a lost answer finds it done. */
  addLearner(member: NewMember): Promise<MembershipChanged> {
    return this.#changeMembership("AddLearner", member);
  }

  promote(nodeId: number): Promise<MembershipChanged> {
    return this.#changeMembership("PromoteMember", { nodeId });
  }

  removeMember(nodeId: number): Promise<MembershipChanged> {
    return this.#changeMembership("RemoveMember", { nodeId });
  }

  async transferLeadership(nodeId: number): Promise<LeaderInfo> {
    const { reply } = await callLeader(this.#parts, "TransferLeadership", { nodeId });
    const { leader } = reply as { leader: LeaderInfo };
    return { nodeId: leader.nodeId, endpoint: leader.endpoint, term: leader.term };
  }

  async #changeMembership(method: UnaryMethod, request: object): Promise<MembershipChanged> {
    const { reply } = await callLeader(this.#parts, method, request);
    const { changed, membershipIndex } = reply as MembershipChanged;
    return { changed, membershipIndex };
  }

  /** Of one endpoint, or of the first that answers. */
  cluster(endpoint: string | undefined, options: SignalOptions): Promise<ClusterInfo> {
    return counted(this.#parts, () => this.#askAny(endpoint, options));
  }

  async #askAny(endpoint: string | undefined, options: SignalOptions): Promise<ClusterInfo> {
    const { channels, leader } = this.#parts;
    const endpoints = endpoint === undefined ? leader.endpoints : [endpoint];
    let last: Failure | undefined;
    for (const each of endpoints) {
      try {
        return await cluster(channels, each, options.signal);
      } catch (failure) {
        last = failure as Failure;
        if (last.error !== undefined) throw errorOf(last, "NOT_APPLIED");
        // The stream may live on this channel: only when it is not the leader's is it thrown away.
        if (each !== leader.current) channels.discard(each);
      }
    }
    throw gaveUp(last as Failure, false, endpoints);
  }
}

async function cluster(
  channels: Channels,
  endpoint: string,
  signal: AbortSignal | undefined,
): Promise<ClusterInfo> {
  const reply = await channels.to(endpoint).unary("GetCluster", {}, clusterAttemptMs, signal);
  const { clusterId, nodeId, leader, members, version, ...rest } = reply as ClusterInfo & {
    leader: unknown;
  };
  const { membershipIndex, membershipCommitted, transferTo } = rest;
  return {
    clusterId,
    nodeId,
    leader: known(leader) ? leader : undefined,
    members,
    version,
    membershipIndex,
    membershipCommitted,
    transferTo,
  };
}

function known(leader: unknown): leader is NonNullable<ClusterInfo["leader"]> {
  return leader !== null && leader !== undefined && (leader as { nodeId: number }).nodeId !== 0;
}

/** A queue that ends with the session `owner`: the call names it, and is not remembered by it. */
function temporaryOf(owner: string): object {
  if (owner === "") {
    throw new QueueError(
      "there is no session at the moment that a queue could belong to: try again",
      {
        reason: "SESSION_EXPIRED",
        code: status.NOT_FOUND,
        outcome: "NOT_APPLIED",
      },
    );
  }
  return { caller: { sessionId: owner, sequence: 0, firstOutstanding: 0 }, temporary: true };
}

// The observer's own line to a node: past the proxies, without a session and without the client, so that what is seen of a
// cluster does not depend on what is tried. It speaks what proto/queue.proto says.

import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import type { View } from "./contract.ts";

const queueProto = fileURLToPath(new URL("../../proto/queue.proto", import.meta.url));
const admin = loadSync(queueProto, { longs: Number, enums: String, defaults: true })[
  "raftq.v1.Admin"
] as ServiceDefinition;

export type AdminMethod =
  "GetCluster" | "AddLearner" | "PromoteMember" | "RemoveMember" | "TransferLeadership";

/** One call to one node. @throws {ServiceError} what gRPC says of a failure, also after `timeoutMs`. */
export async function ask(
  endpoint: string,
  method: AdminMethod,
  request: object,
  timeoutMs: number,
): Promise<object> {
  const definition = admin[method];
  if (definition === undefined) throw new Error(`queue.proto has no ${method}`);
  // A channel of its own each time: what one remembers of a node that was down would only delay the news that it is up.
  const client = new Client(endpoint, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  try {
    return await new Promise<object>((resolve, reject) => {
      client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, reply?: object) => {
          if (error === null && reply !== undefined) resolve(reply);
          else reject(error ?? new Error(`${endpoint} gave no answer to ${method}`));
        },
      );
    });
  } finally {
    client.close();
  }
}

interface ClusterReply {
  readonly nodeId: number;
  readonly header: { readonly term: number } | null;
  readonly leader: { readonly nodeId: number; readonly term: number } | null;
  readonly members: readonly {
    readonly nodeId: number;
    readonly role: string;
    readonly voter: boolean;
    readonly lastIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly stateDigest: string;
  }[];
}

/** What a node says of itself; undefined: it does not answer in time. */
export async function look(endpoint: string, timeoutMs: number): Promise<View | undefined> {
  try {
    return viewOf((await ask(endpoint, "GetCluster", {}, timeoutMs)) as ClusterReply);
  } catch {
    return undefined;
  }
}

function viewOf(reply: ClusterReply): View {
  const own = reply.members.find(({ nodeId }) => nodeId === reply.nodeId);
  return {
    nodeId: reply.nodeId,
    role: own?.role ?? "ROLE_UNSPECIFIED",
    term: reply.header?.term ?? 0,
    leaderId: reply.leader?.nodeId ?? 0,
    lastIndex: own?.lastIndex ?? 0,
    commitIndex: own?.commitIndex ?? 0,
    appliedIndex: own?.appliedIndex ?? 0,
    digest: own?.stateDigest ?? "",
    members: reply.members.map(({ nodeId, voter }) => ({ nodeId, isVoter: voter })),
  };
}

const codes = { deadlineExceeded: 4, failedPrecondition: 9, aborted: 10, unavailable: 14 } as const;

/** What time alone can change: there is no leader, it changes, a change of the members is under way, a learner lags. */
export function isForLater(error: unknown): boolean {
  const { code } = error as Partial<ServiceError>;
  return Object.values<number>(codes).includes(code ?? -1);
}

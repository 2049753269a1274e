// The two gRPC servers of a node: one for clients, one for the other members.

import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation, protoPath as healthProto } from "grpc-health-check";
import { loadSync } from "@grpc/proto-loader";
import {
  adminService as adminDefinition,
  reflectionPackage,
  queueService as queueDefinition,
  raftService,
} from "../../proto/load.ts";
import { Bodies } from "../bodies.ts";
import type { Clock } from "../clock.ts";
import type { Node } from "../node.ts";
import type { Logger } from "pino";
import { adminService } from "./admin-service.ts";
import { peerService, type PeerServiceContext } from "./peer-service.ts";
import { queueService } from "./queue-service.ts";
import { parseSession } from "./session-id.ts";
import { connect } from "./stream-service.ts";

/** A frame holds at most one oversized message (4 MiB) or a batch of them, with some room for what surrounds it. */
const clientFrameBytesMax = 8 * 1024 * 1024;

const serverOptions = {
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
};

export interface ClientServerContext {
  readonly node: Node;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly version: string;
  readonly tickMs: number;
  readonly outboxBytesMax: number;
  readonly logger: Logger;
}

/** The address is taken, or not of this machine. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export interface Listening {
  readonly port: number;
  /** No new calls; those under way may end within `ms`, then they are cut. */
  stop(ms: number): Promise<void>;
}

/** What answers clients: the services of queue.proto, as gRPC, or whatever carries their calls, has them called. */
export function clientServices(context: ClientServerContext): {
  readonly queue: UntypedServiceImplementation;
  readonly admin: UntypedServiceImplementation;
} {
  const { node, clusterId } = context;
  const bodies = new Bodies(
    () => node.state,
    (store, error) => node.storeFailed(store, error),
  );
  const stream = {
    node,
    bodies,
    clock: context.clock,
    outboxBytesMax: context.outboxBytesMax,
    parseSession: (text: string) => parseSession(clusterId, text),
  };
  const queue: UntypedServiceImplementation = {
    ...queueService({ node, bodies, clusterId, clock: context.clock, logger: context.logger }),
    Connect: (call: Parameters<typeof connect>[1]) => connect(stream, call),
  };
  return { queue, admin: adminService(context) };
}

export async function serveClients(
  address: string,
  context: ClientServerContext,
): Promise<Listening> {
  const { node } = context;
  const server = new Server({
    ...serverOptions,
    "grpc.max_receive_message_length": clientFrameBytesMax,
    "grpc.max_send_message_length": -1,
  });
  const { queue, admin } = clientServices(context);
  server.addService(queueDefinition, queue);
  server.addService(adminDefinition, admin);
  // The whole node is one service to a health check: SERVING where calls are answered, on the leader.
  const health = new HealthImplementation({
    "": "NOT_SERVING",
    "raftq.v1.Queue": "NOT_SERVING",
    "raftq.v1.Admin": "SERVING",
  });
  health.addToServer(server);
  const refreshHealth = (): void => {
    const leader = node.closing ? undefined : node.whereabouts.leader;
    health.setStatus("", leader !== undefined ? "SERVING" : "NOT_SERVING");
    health.setStatus("raftq.v1.Queue", leader?.nodeId === node.id ? "SERVING" : "NOT_SERVING");
  };
  node.onRoleChange(refreshHealth);
  // A cluster of one has elected itself before this line.
  refreshHealth();
  new ReflectionService({ ...reflectionPackage, ...loadSync(healthProto) }).addToServer(server);
  return listen(server, address);
}

export async function servePeers(address: string, context: PeerServiceContext): Promise<Listening> {
  const server = new Server({
    ...serverOptions,
    "grpc.keepalive_time_ms": 1_000,
    "grpc.keepalive_timeout_ms": 2_000,
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(raftService, peerService(context));
  return listen(server, address);
}

async function listen(server: Server, address: string): Promise<Listening> {
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(new ListenError(`cannot listen on ${address}: ${error.message}`));
    });
  });
  return {
    port: bound,
    stop: (ms) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, ms);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

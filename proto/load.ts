// The one loader of the .proto files, with the one set of options. Resolved against this file's own URL: works from the
// sources and from dist/, whereto the build copies the .proto files.

import { loadSync, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

const options = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
} as const;

/** For server reflection: with the field names of the .proto file, as tools want to spell them. */
export const reflectionPackage = loadSync(pathOf("queue.proto"), { ...options, keepCase: true });

const queuePackage = loadSync(pathOf("queue.proto"), options);
const peerPackage = loadSync(pathOf("peer.proto"), options);

export type RawMethod = MethodDefinition<Uint8Array, Uint8Array, Buffer, Buffer>;

const queueMethods = queuePackage["raftq.v1.Queue"] as ServiceDefinition;
const raftMethods = peerPackage["raftq.peer.v1.Raft"] as ServiceDefinition;

/** `raftq.v1.Queue.Connect` in bytes: frame.ts encodes and decodes, once and cheaply. */
export const connectMethod = raw(queueMethods["Connect"]);
/** `raftq.peer.v1.Raft.Link` in bytes. */
export const linkMethod = raw(raftMethods["Link"]);

/** `raftq.v1.Queue`: unary methods in objects, `Connect` in bytes. */
export const queueService = { ...queueMethods, Connect: connectMethod };
export const adminService = queuePackage["raftq.v1.Admin"] as ServiceDefinition;
/** `raftq.peer.v1.Raft`, in bytes. */
export const raftService = { Link: linkMethod };

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

function raw(method: ServiceDefinition[string] | undefined): RawMethod {
  if (method === undefined) throw new Error("the .proto files lack a method that the stream needs");
  return {
    ...method,
    requestSerialize: asBuffer,
    responseSerialize: asBuffer,
    requestDeserialize: same,
    responseDeserialize: same,
  } as unknown as RawMethod;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

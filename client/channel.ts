// The only import of gRPC in the SDK: one channel to one endpoint, in bytes and plain failures.

import {
  ChannelCredentials,
  Client,
  Metadata,
  type ClientDuplexStream,
  type ServiceError,
} from "@grpc/grpc-js";
import type { ServiceDefinition } from "@grpc/proto-loader";
import { decodeError, errorMetadataKey, type WireError } from "../proto/frame.ts";
import { adminService, connectMethod, queueService } from "../proto/load.ts";
import type { TlsOptions } from "./options.ts";

/** Why a call or a stream ended. `error` is the server's typed error, absent when the transport failed. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly error: WireError | undefined;
  /** There was no connection: certainly nothing was sent. */
  readonly neverSent?: boolean;
}

export type UnaryMethod =
  | "CreateQueue"
  | "GetQueue"
  | "ListQueues"
  | "UpdateQueue"
  | "DeleteQueue"
  | "ResolveParked"
  | "Redrive"
  | "Peek"
  | "GetMessage"
  | "GetMessageHistory"
  | "ListKeys"
  | "CancelMessage"
  | "PurgeQueue"
  | "PauseQueue"
  | "ResumeQueue"
  | "PauseKey"
  | "ResumeKey"
  | "CreateTopic"
  | "GetTopic"
  | "ListTopics"
  | "UpdateTopic"
  | "DeleteTopic"
  | "CreateSubscription"
  | "Replay"
  | "OpenSession"
  | "CloseSession"
  | "GetCluster"
  | "AddLearner"
  | "PromoteMember"
  | "RemoveMember"
  | "TransferLeadership";

interface StreamHandlers {
  readonly onBytes: (bytes: Buffer) => void;
  /** After `write` said false: there is room again. */
  readonly onRoom: () => void;
  /** Exactly once. */
  readonly onEnd: (failure: Failure) => void;
}

export interface ByteStream {
  /** False: wait for `onRoom` before the next one. */
  write(bytes: Buffer): boolean;
  cancel(): void;
}

export interface Channel {
  readonly endpoint: string;
  /** Rejects with a `Failure`. */
  unary(
    method: UnaryMethod,
    request: object,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<object>;
  /** Calls no handler before it has returned. */
  connect(handlers: StreamHandlers): ByteStream;
  close(): void;
}

export type Dial = (endpoint: string) => Channel;

// A frame has at most 256 KiB plus one command, and a command at most 4 MiB of content.
const messageBytesMax = 16 * 1_048_576;

const channelOptions = {
  // H5: a connection that died without a word is found out.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Back-off is ours (retry.ts): a channel that failed is closed, and the next one shares nothing with it.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // The nodes are spoken to directly: a proxy from the environment would break every endpoint of a private network.
  "grpc.enable_http_proxy": 0,
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.max_send_message_length": messageBytesMax,
  // HTTP/2's default of 64 KiB stops a stream of deliveries after a quarter of a frame.
  "grpc-node.flow_control_window": 4 * 1_048_576,
};

export function dialWith(tls: TlsOptions | undefined): Dial {
  const credentials =
    tls === undefined
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(bufferOf(tls.ca), bufferOf(tls.key), bufferOf(tls.cert));
  return (endpoint) => new GrpcChannel(endpoint, credentials);
}

const methods: ServiceDefinition = { ...(queueService as ServiceDefinition), ...adminService };

class GrpcChannel implements Channel {
  readonly endpoint: string;
  readonly #client: Client;

  constructor(endpoint: string, credentials: ChannelCredentials) {
    this.endpoint = endpoint;
    this.#client = new Client(endpoint, credentials, channelOptions);
  }

  unary(
    method: UnaryMethod,
    request: object,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<object> {
    const definition = methods[method];
    if (definition === undefined) throw new Error(`queue.proto has no ${method}`);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, reply?: object) => {
          signal?.removeEventListener("abort", abort);
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a Failure becomes an Error where the outcome is known
          if (error !== null) reject(failureOf(error));
          else resolve(reply ?? {});
        },
      );
      const abort = (): void => call.cancel();
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted === true) call.cancel();
    });
  }

  connect(handlers: StreamHandlers): ByteStream {
    const stream: ClientDuplexStream<Uint8Array, Buffer> = this.#client.makeBidiStreamRequest(
      connectMethod.path,
      connectMethod.requestSerialize,
      connectMethod.responseDeserialize,
    );
    let ended = false;
    const end = (failure: Failure): void => {
      if (ended) return;
      ended = true;
      handlers.onEnd(failure);
    };
    stream.on("data", handlers.onBytes);
    stream.on("drain", handlers.onRoom);
    stream.on("error", (error: ServiceError) => end(failureOf(error)));
    stream.on("end", () =>
      end({ code: 14, message: "the server ended the stream", error: undefined }),
    );
    return {
      write: (bytes) => (ended ? true : stream.write(bytes)),
      cancel: () => stream.cancel(),
    };
  }

  close(): void {
    this.#client.close();
  }
}

/** What gRPC says of a call that failed. */
export function failureOf(error: ServiceError): Failure {
  const message = error.details === "" ? error.message : error.details;
  // gRPC says this in words only; another wording in a later version makes an outcome UNKNOWN, never wrong.
  const neverSent =
    /^(No connection established|Name resolution failed)/.test(message) ||
    // The client's own words, after which it says how far the call had got: to no connection, unless one is named.
    (/^Deadline exceeded after /.test(message) &&
      !/LB pick: |remote_addr=|previous attempts/.test(message));
  return { code: error.code, message, error: typedError(error.metadata), neverSent };
}

function typedError(metadata: Metadata | undefined): WireError | undefined {
  const value = metadata?.get(errorMetadataKey)[0];
  if (!Buffer.isBuffer(value)) return undefined;
  try {
    return decodeError(value);
  } catch {
    // A newer or broken server: the status code still says enough to go on.
    return undefined;
  }
}

function bufferOf(pem: Uint8Array | string | undefined): Buffer | null {
  if (pem === undefined) return null;
  return Buffer.from(pem as Uint8Array);
}

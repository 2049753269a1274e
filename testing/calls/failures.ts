// How calls end that are not answered, in the shapes that gRPC gives them.

import type { Failure } from "../../client/channel.ts";
import { decodeError, errorMetadataKey } from "../../proto/frame.ts";

export const code = { ok: 0, cancelled: 1, unknown: 2, deadline: 4, unavailable: 14 } as const;

export function refusedConnection(endpoint: string): Failure {
  return {
    code: code.unavailable,
    message: `No connection established. Last error: connect ECONNREFUSED ${endpoint}`,
    error: undefined,
    neverSent: true,
  };
}

export const lost: Failure = {
  code: code.unavailable,
  message: "Connection dropped",
  error: undefined,
};

/** Of what a service fails a call with. */
export function failureOf(error: object): Failure {
  const {
    code: status = code.unknown,
    details = "",
    metadata,
  } = error as {
    code?: number;
    details?: string;
    metadata?: { get(key: string): (string | Buffer)[] };
  };
  const value = metadata?.get(errorMetadataKey)[0];
  const typed = Buffer.isBuffer(value) ? decodeError(value) : undefined;
  return { code: status, message: details, error: typed };
}

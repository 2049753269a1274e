// A unary call: what was said → an answer, or the error that says what was wrong.

import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { WireError } from "../../proto/frame.ts";
import { Malformed, refusalOf } from "../door.ts";
import { defect, refused, serviceError } from "./errors.ts";

/** A call that ends with this error. */
export class Refused extends Error {
  readonly error: WireError;

  constructor(error: WireError) {
    super(error.message);
    this.error = error;
  }
}

/** For a request that calls a field of its command otherwise. */
export async function calling<T>(field: string, otherwise: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof Refused) || error.error.field !== field) throw error;
    throw new Refused({ ...error.error, field: otherwise });
  }
}

type Unary<Said> = (call: ServerUnaryCall<Said, object>, done: sendUnaryData<object>) => void;

export function unary<Said>(logger: Logger, run: (said: Said) => Promise<object>): Unary<Said> {
  return (call, done) => {
    run(call.request).then(
      (reply) => done(null, reply),
      (error: unknown) => {
        if (error instanceof Malformed) done(serviceError(refused(refusalOf(error))));
        else if (error instanceof Refused) done(serviceError(error.error));
        else {
          logger.error({ err: error }, "a call failed for a reason that nobody foresaw");
          done(serviceError(defect()));
        }
      },
    );
  };
}

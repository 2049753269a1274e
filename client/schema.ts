// A schema per queue, by the Standard Schema interface (https://standardschema.dev, version 1): zod, valibot, arktype and
// others have it, and nothing of theirs is imported here.
//
//   V1. What does not match is not sent: an enqueue of it throws, and has no sequence number.
//   V2. What is sent is the value as it was given; what a consumer gets is the schema's output. So a transformation is made
//       once, on the consumer's side.

import { encodeValue, decodeValue, type Codec } from "./codec.ts";
import { SchemaError, type SchemaIssue } from "./errors.ts";

/** What a schema has under `~standard`. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

type SchemaResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** How values become bodies. */
export interface Encoder<In> {
  readonly contentType: string;
  /** @throws {QueueError} reason CODEC or SCHEMA */
  encode(value: In): Uint8Array | string;
}

/** How bodies become values. */
export interface Decoder<Out> {
  /** A message that cannot be read will never be: it is rejected before anybody sees it. */
  readonly isStrict: boolean;
  /** @throws {QueueError} reason CODEC or SCHEMA */
  decode(body: Uint8Array): Out;
}

/** A codec, with a check on both sides where there is a schema. */
export class Format<Out, In = Out> implements Encoder<In>, Decoder<Out> {
  readonly #codec: Codec<unknown>;
  readonly #schema: StandardSchema<In, Out> | undefined;

  constructor(codec: Codec<unknown>, schema: StandardSchema<In, Out> | undefined) {
    this.#codec = codec;
    this.#schema = schema;
  }

  get contentType(): string {
    return this.#codec.contentType;
  }

  get isStrict(): boolean {
    return this.#schema !== undefined;
  }

  encode(value: In): Uint8Array | string {
    if (this.#schema !== undefined) validated(this.#schema, value, "the value");
    return encodeValue(this.#codec, value);
  }

  decode(body: Uint8Array): Out {
    const value = decodeValue(this.#codec, body);
    return this.#schema === undefined
      ? (value as Out)
      : validated(this.#schema, value, "the message");
  }
}

function validated<In, Out>(schema: StandardSchema<In, Out>, value: unknown, what: string): Out {
  const { validate, vendor } = schema["~standard"];
  const result = validate(value);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new SchemaError(
      `the ${vendor} schema validates asynchronously: the order of calls is the order of messages, so it must answer at once`,
      [],
    );
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(issueOf);
  throw new SchemaError(`${what} does not match its schema: ${textOf(issues)}`, issues);
}

function issueOf({ message, path = [] }: StandardIssue): SchemaIssue {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return { message, path: keys.map(String).join(".") };
}

/** Kept with the message when it is rejected: the first ones say enough. */
function textOf(issues: readonly SchemaIssue[]): string {
  const told = issues
    .slice(0, issuesToldMax)
    .map(({ message, path }) => (path === "" ? message : `${path}: ${message}`));
  const more = issues.length - told.length;
  return told.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const issuesToldMax = 8;

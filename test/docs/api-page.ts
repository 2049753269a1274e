// docs/api.md, made from proto/queue.proto and api-notes.ts.

import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { notes, ofEveryCall, wellKnownFields } from "./api-notes.ts";

const source = readFileSync(new URL("../../proto/queue.proto", import.meta.url), "utf8");

export const { root } = protobuf.parse(source, { keepCase: true, alternateCommentMode: true });
root.resolveAll();
const space = root.lookup("raftq.v1") as protobuf.Namespace;

export const services = space.nestedArray.filter((each) => each instanceof protobuf.Service);

/** Reason → its gRPC status and what its line says. A comment above a group of reasons would hide theirs: read the source. */
export const reasons = new Map(
  [...source.matchAll(/^ {2}([A-Z_]+) = \d+;\s*\/\/ \[([A-Z_]+)\] ?(.*)$/gm)].map(
    ([, name = "", status = "", text = ""]) => [name, { status, text }],
  ),
);

const introduction = `# The API, call by call

Made from proto/queue.proto and test/docs/api-notes.ts; a test keeps them equal (\`UPDATE_DOCS=1 npx vitest run --project unit test/docs\`
rewrites this page). The .proto file is the contract; its first lines tell what holds for all calls.

An example is a request as JSON: \`grpcurl -plaintext -d '{…}' 127.0.0.1:7400 raftq.v1.Queue/Enqueue\` sends it (the servers have
reflection; a body is base64). The SDK says the same with less: see \`client/\`.
`;

export function page(): string {
  const parts = [introduction, commonErrors()];
  for (const service of services) {
    parts.push(`## Service ${service.name}`);
    for (const method of service.methodsArray) parts.push(operation(service, method));
  }
  parts.push("## Messages", "What the tables above name, in the order of the file.");
  for (const type of typesOf(space)) if (!isOwnOfACall(type)) parts.push(described(type));
  return parts.join("\n\n");
}

function commonErrors(): string {
  return [
    "## What every call may be refused with",
    errorTable(ofEveryCall.map((reason) => [reason, ""])),
    "`MALFORMED` names the field. An error is a `raftq.v1.Error`, in the trailing metadata `raftq-error-bin`, or an answer of the stream.",
  ].join("\n\n");
}

function operation(service: protobuf.Service, method: protobuf.Method): string {
  const { errors = {}, example = {} } = notes[method.name] ?? {};
  const request = space.lookupType(method.requestType);
  const reply = space.lookupType(method.responseType);
  const own = Object.entries(errors).filter(([reason, text]) => text !== "" || !isCommon(reason));
  const stream = method.requestStream === true ? " (both ways a stream)" : "";
  return [
    `### ${method.name}`,
    method.comment ?? "",
    request.comment ?? "",
    `**Request** \`${request.name}\`${stream}${fieldTable(request)}`,
    `**Answer** \`${reply.name}\`${stream}${fieldTable(reply)}`,
    own.length === 0 ? "**Errors**: only those of every call." : `**Errors**\n\n${errorTable(own)}`,
    `**Example** \`${service.name}/${method.name}\`\n\n\`\`\`json\n${JSON.stringify(example)}\n\`\`\``,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function isCommon(reason: string): boolean {
  return ofEveryCall.some((each) => each === reason);
}

function errorTable(rows: readonly (readonly [reason: string, text: string])[]): string {
  const lines = rows.map(([reason, text]) => {
    const known = reasons.get(reason);
    return `| \`${reason}\` | ${known?.status ?? ""} | ${text === "" ? (known?.text ?? "") : text} |`;
  });
  return ["| reason | status | when |", "| --- | --- | --- |", ...lines].join("\n");
}

function fieldTable(type: protobuf.Type): string {
  if (type.fieldsArray.length === 0) return ": no fields.";
  const lines = type.fieldsArray.map((field) => {
    const said = field.comment ?? known(type, field);
    const text = said.replaceAll("\n", " ").replaceAll("|", "\\|");
    return `| \`${field.name}\` | ${typeOf(field)} | ${text} |`;
  });
  return ["", "", "| field | type | meaning |", "| --- | --- | --- |", ...lines].join("\n");
}

/** Answers repeat what was asked: their limits are those of the request. */
function known(type: protobuf.Type, { name }: protobuf.Field): string {
  const isAnswer = /(Reply|Info|Event|Delivery|DeadLetter|Received|Committed|BatchEnqueued)$/.test(
    type.name,
  );
  return isAnswer && name !== "header" ? "" : (wellKnownFields[name] ?? "");
}

function typeOf(field: protobuf.Field): string {
  const type = field.resolvedType === null ? field.type : linked(field.resolvedType);
  if (field instanceof protobuf.MapField) return `map of ${field.keyType} to ${type}`;
  const choice = field.partOf !== null && !field.partOf.name.startsWith("_");
  if (choice) return `${type}, one of \`${field.partOf?.name ?? ""}\``;
  if (field.repeated) return `list of ${type}`;
  return field.options?.["proto3_optional"] === true ? `${type}, optional` : type;
}

function linked(type: protobuf.ReflectionObject): string {
  return `[${type.name}](#${type.name.toLowerCase()}-${kindOf(type)})`;
}

/** In the heading as well: calls and messages share some names. */
function kindOf(type: protobuf.ReflectionObject): string {
  return type instanceof protobuf.Enum ? "enum" : "message";
}

/** A request or an answer that only one call has: shown there. */
function isOwnOfACall(type: protobuf.ReflectionObject): boolean {
  return services.some((service) =>
    service.methodsArray.some(
      (method) => method.requestType === type.name || method.responseType === type.name,
    ),
  );
}

function* typesOf(parent: protobuf.NamespaceBase): Generator<protobuf.Type | protobuf.Enum> {
  for (const each of parent.nestedArray) {
    if (each instanceof protobuf.Enum) yield each;
    if (!(each instanceof protobuf.Type)) continue;
    yield each;
    yield* typesOf(each);
  }
}

function described(type: protobuf.Type | protobuf.Enum): string {
  const head = [`### ${type.name} (${kindOf(type)})`, type.comment ?? ""].filter(
    (part) => part !== "",
  );
  if (type instanceof protobuf.Type) return [...head, fieldTable(type).trim()].join("\n\n");
  const lines = Object.keys(type.values).map((name) => {
    const reason = type.name === "Reason" ? reasons.get(name) : undefined;
    const text = reason === undefined ? type.comments[name] : `${reason.status}: ${reason.text}`;
    return `| \`${name}\` | ${(text ?? "").replaceAll("\n", " ")} |`;
  });
  return [...head, ["| value | meaning |", "| --- | --- |", ...lines].join("\n")].join("\n\n");
}

// Session ids outside: the cluster's name and the session's number, so that a session of another cluster is recognised.

import { Malformed, whole } from "../door.ts";

export function formatSession(clusterId: string, session: number): string {
  return `${clusterId}:${session}`;
}

/** @throws {Malformed} */
export function parseSession(clusterId: string, text: string, field = "session_id"): number {
  const match = /^([A-Za-z0-9._-]{1,64}):([1-9]\d{0,15})$/.exec(text);
  if (match === null)
    throw new Malformed(
      field,
      `${field} is ${JSON.stringify(text.slice(0, 80))}; expected one that OpenSession gave`,
    );
  if (match[1] !== clusterId)
    throw new Malformed(
      field,
      `${field} is of cluster ${String(match[1])}; this is cluster ${clusterId}`,
    );
  return whole(Number(match[2]), field, 1, Number.MAX_SAFE_INTEGER);
}

// Sessions: the identity under which calls are exactly-once and leases are held.

import { bytesOf, Malformed, whole } from "../door.ts";
import { limits } from "../limits.ts";
import { nobody, type Asker } from "./asker.ts";
import { formatSession } from "./session-id.ts";

export function sessionCalls(asker: Asker) {
  const ofSession = async (
    sessionId: string,
    command: (
      session: number,
    ) => { kind: "keep-alive"; sessions: readonly number[] } | { kind: "close-session" },
  ): Promise<object> => {
    const session = asker.session(sessionId);
    const origin = { session, sequence: 0, floor: 0 };
    const { index } = await asker.ask(origin, command(session), "done");
    return { header: asker.header(index) };
  };
  return {
    OpenSession: async (said: { name: string; ttlMs: number }): Promise<object> => {
      const { sessionTtlMs, sessionNameBytes } = limits;
      const ttlMs =
        said.ttlMs === 0
          ? sessionTtlMs.default
          : whole(said.ttlMs, "ttl_ms", sessionTtlMs.min, sessionTtlMs.max);
      const name = bytesOf(said.name);
      if (name.length > sessionNameBytes)
        throw new Malformed(
          "name",
          `name has ${name.length} bytes; expected at most ${sessionNameBytes}`,
        );
      const { index, reply } = await asker.ask(
        nobody,
        { kind: "open-session", name, ttlMs },
        "session-opened",
      );
      return {
        header: asker.header(index),
        sessionId: formatSession(asker.context.clusterId, reply.session),
        ttlMs,
      };
    },

    KeepAlive: (said: { sessionId: string }): Promise<object> =>
      ofSession(said.sessionId, (session) => ({ kind: "keep-alive", sessions: [session] })),

    CloseSession: (said: { sessionId: string }): Promise<object> =>
      ofSession(said.sessionId, () => ({ kind: "close-session" })),
  };
}

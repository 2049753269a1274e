// Step 6: what a session asks for under one number is one command, and counts once (P6).
//   S1. The first time that a number appears it is the next one of its session. It is carried out then, if ever.
//   S2. The same number again is the same command, and changes nothing.
//   S3. A session that was closed carries out nothing more. One that showed life less than its ttl ago, by cluster time, is
//       certainly there: the clock that it ends by is never faster. After that nobody here knows.

import type { Verdict } from "../contract.ts";
import { counted } from "../black-box/findings.ts";
import { Findings } from "./findings.ts";
import type { Op, Step } from "./log.ts";

/** What became of a command because of its session. `maybe`: the session may have ended before. */
export type Standing = "first" | "maybe" | "never";

interface Session {
  last: number;
  ttlMs: number;
  seen: number;
  closed: boolean;
  /** What was asked for under each number. */
  readonly asked: Map<number, Op>;
}

export interface Sessions {
  /** One for each step. */
  readonly standings: readonly Standing[];
  readonly verdict: Verdict;
}

export function sessions(steps: readonly Step[]): Sessions {
  const findings = new Findings("witness 6: sessions");
  const known = new Map<number, Session>();
  const standings: Standing[] = [];
  let repeats = 0;
  let opened = 0;
  const sessionOf = (id: number, time: number): Session => {
    let session = known.get(id);
    if (session === undefined) {
      session = { last: 0, ttlMs: 0, seen: time, closed: false, asked: new Map() };
      known.set(id, session);
    }
    return session;
  };
  for (const step of steps) {
    const { op, time } = step;
    if (op.kind === "open-session") {
      // Numbers of sessions count up (from 1), whatever asks for them; one that was refused shows as a session that never asks.
      opened++;
      const session = sessionOf(opened, time);
      Object.assign(session, { ttlMs: op.ttlMs, seen: time });
    }
    if (op.kind === "keep-alive") for (const id of op.sessions) alive(sessionOf(id, time), time);
    if (step.session === 0) {
      standings.push("first");
      continue;
    }
    const session = sessionOf(step.session, time);
    const standing = standingOf(session, step, findings);
    if (standing === "repeat") repeats++;
    standings.push(standing === "repeat" ? "never" : standing);
  }
  const looked = `${counted(known.size, "session")}, ${counted(steps.length, "command")}, ${counted(repeats, "repetition")}`;
  return { standings, verdict: findings.verdict(looked) };
}

function alive(session: Session, time: number): boolean {
  const certain = time - session.seen < session.ttlMs;
  // Once in doubt, always: a sign of life of a session that has ended brings it back to nobody.
  if (certain) session.seen = time;
  return certain;
}

function standingOf(session: Session, step: Step, findings: Findings): Standing | "repeat" {
  const { op, sequence, time } = step;
  if (session.closed) return "never";
  const certain = alive(session, time);
  if (op.kind === "close-session") session.closed = true;
  if (sequence === 0) return certain ? "first" : "maybe";
  if (sequence <= session.last) {
    const before = JSON.stringify(session.asked.get(sequence) ?? op);
    if (before !== JSON.stringify(op))
      findings.add({
        what: `session ${step.session}, number ${sequence}: entry ${step.index} asks for ${JSON.stringify(op)}; before, it was ${before}`,
      });
    return "repeat";
  }
  // S1: what comes too early is refused.
  if (sequence > session.last + 1) return "never";
  session.last = sequence;
  session.asked.set(sequence, op);
  return certain ? "first" : "maybe";
}

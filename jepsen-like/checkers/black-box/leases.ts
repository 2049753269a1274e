// Q4: a message is leased to one at a time. When it comes again, the lease before had an end that one can name.
//   G1. `deliveries` counts the grants of a message: when it is greater by one, no grant was between, and the later delivery says why
//       the earlier lease had ended. That must be so by what the clients did: somebody asked for a nack or a release of that very
//       lease by then; or it can have expired; or its holder was leaving, got no answer any more to what consumers ask, or was told that
//       its session, or this lease, was lost: a client asks nothing in a new session before it has said so.
//   G2. `attempts` grows by one with a nack or an expired lease, and with nothing else (P7: never by a change of the leader).
//   G3. A lease begins no earlier than its message was enqueued, than the lease before it ended, and, in a line, than the message
//       before it was settled, than the receive was asked for that brought it. Its arrival says nothing: it may have been under way for long, or its reader stood still.
//   G4. Clocks: leases end by cluster time, which is no client's. A node's clock may run twice as fast, and a new leader's may be
//       ahead by up to 2 s as far as leases go: so a lease lasts at least half its time less 2 s for each leader that somebody attached to
//       meanwhile.
//   Assumes: max_in_flight_per_key is 1; nobody resolves parked messages or redrives dead letters.

import type { Check } from "../contract.ts";
import type { Delivered, Noted } from "../../history/record.ts";
import { countBelow } from "../../check/ticks.ts";
import { counted, Findings } from "./findings.ts";
import { grouped } from "./sweep.ts";
import {
  allMessages,
  certain,
  enqueueOf,
  keyOf,
  keySeqOf,
  lineOf,
  nameOf,
  viewOf,
  type Message,
  type View,
} from "./view.ts";

const newLeaderUs = 2_000_000;

export const oneLease: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q4 one lease at a time");
  const lives = new Lives(view);
  let looked = 0;
  const lines = grouped(allMessages(view), (message) => {
    return lineOf(view, message.queue, keyOf(message)) ?? `${message.queue}/${message.body}`;
  });
  for (const line of lines.values()) {
    line.sort((a, b) => (keySeqOf(a) ?? Infinity) - (keySeqOf(b) ?? Infinity));
    let free = -Infinity;
    for (const message of line) {
      looked += message.deliveries.length;
      free = new Leases(view, lives, message, findings).look(free);
    }
  }
  return findings.verdict(counted(looked, "delivery", "deliveries"));
};

/** The leases of one message, one after the other. */
class Leases {
  readonly #view: View;
  readonly #lives: Lives;
  readonly #message: Message;
  readonly #findings: Findings;

  constructor(view: View, lives: Lives, message: Message, findings: Findings) {
    this.#view = view;
    this.#lives = lives;
    this.#message = message;
    this.#findings = findings;
  }

  /** `free`: its line is free from then on, at the earliest (G3). Returns the same for the next one. */
  look(free: number): number {
    const message = this.#message;
    let begins = Math.max(free, enqueueOf(message)?.inv ?? -Infinity);
    let before: Delivered | undefined;
    for (const delivery of message.deliveries) {
      if (before === undefined) this.#first(delivery);
      else begins = Math.max(begins, this.#again(before, delivery, begins));
      begins = Math.max(begins, this.#view.receiveOf(delivery)?.inv ?? -Infinity);
      before = delivery;
    }
    const acked = certain(message, "ack");
    return Math.max(begins, acked?.inv ?? -Infinity);
  }

  #first({ deliveries, attempts, redelivery, time, process }: Delivered): void {
    if (deliveries > 1 || (redelivery === "" && attempts === 0 && deliveries === 1)) return;
    this.#find(
      `came to ${process} at ${this.#view.at(time)} for the first time, as delivery ${deliveries} after ${attempts} failures (${redelivery || "first grant"})`,
      [time],
    );
  }

  /** Returns when the lease before ended, at the earliest. */
  #again(before: Delivered, now: Delivered, began: number): number {
    const { at } = this.#view;
    const times = [before.time, now.time];
    if (now.token === before.token) {
      // The same holder, attached anew, is given again what it holds, also what its client had given up to settle in time (O2).
      if (now.process !== before.process)
        this.#find(
          `: the same lease, token ${now.token}, reached ${before.process} and ${now.process}`,
          times,
        );
      return began;
    }
    const grants = now.deliveries - before.deliveries;
    const failures = now.attempts - before.attempts;
    if (grants < 1 || failures < 0 || failures > grants) {
      this.#find(
        `was granted with token ${before.token} as delivery ${before.deliveries} after ${before.attempts} failures, and then with token ${now.token} as delivery ${now.deliveries} after ${now.attempts}`,
        times,
      );
      return began;
    }
    if (grants > 1) return began;
    const word = now.redelivery;
    if (failures !== (word === "nack" || word === "lease-expired" ? 1 : 0))
      this.#find(
        `came again because of ${word || "nothing"}, and its failures went from ${before.attempts} to ${now.attempts}`,
        times,
      );
    const { ends, wrong } = this.#endOf(before, now, began);
    if (wrong !== undefined)
      this.#find(
        `was with ${before.process} since ${at(before.time)} (token ${before.token}), and came to ${now.process} at ${at(now.time)} (${word || "no reason given"}): ${wrong}`,
        times,
      );
    return ends;
  }

  /** Why the lease before this one ended, by what the clients did. */
  #endOf(before: Delivered, now: Delivered, began: number): { ends: number; wrong?: string } {
    switch (now.redelivery) {
      case "nack": {
        const asked = this.#asked("nack", before.token);
        return asked <= now.time
          ? { ends: asked }
          : { ends: began, wrong: "nobody had asked for a nack" };
      }
      case "release": {
        const asked = this.#asked("release", before.token);
        // A client that closes releases what it holds, without a call of its own.
        if (asked <= now.time || this.#lives.isLeaving(before.process, now.time))
          return { ends: began };
        return { ends: began, wrong: "nobody had asked for a release" };
      }
      case "lease-expired": {
        const leaseUs = Math.max(0, before.leaseEnds - before.time);
        const changes = this.#lives.leadersBetween(began, now.time);
        const ends = began + leaseUs / 2 - changes * newLeaderUs;
        if (ends <= now.time) return { ends: Math.max(began, ends) };
        return {
          ends: began,
          wrong: `it began at ${this.#view.at(began)} at the earliest, for ${leaseUs / 1e6} s, and cannot have expired before ${this.#view.at(ends)}`,
        };
      }
      case "session-ended":
        return this.#lives.mayHaveLost(before, began, now.time)
          ? { ends: began }
          : { ends: began, wrong: `${before.process} went on, and knew nothing of it` };
      case "":
        return { ends: began, wrong: "as if it had never been granted" };
      default:
        return { ends: began };
    }
  }

  #asked(f: "nack" | "release", token: number): number {
    let asked = Infinity;
    for (const one of this.#message.settlings)
      if (one.f === f && one.lease.token === token && one.effect.outcome !== "fail")
        asked = Math.min(asked, one.effect.inv);
    return asked;
  }

  #find(what: string, times: readonly number[]): void {
    const message = this.#message;
    const space = what.startsWith(":") ? "" : " ";
    this.#findings.add({
      what: `Leased to two: ${nameOf(message)}${space}${what}.`,
      ...{ queue: message.queue, key: keyOf(message), times },
    });
  }
}

/** What is known of the processes, and of who led. */
class Lives {
  readonly #leaving = new Map<string, number>();
  /** When a process was told last that it had lost its session; and the leases that it was told to have lost. */
  readonly #sessionLost = new Map<string, number>();
  readonly #leaseLost = new Set<string>();
  /** The last call of a consumer that was begun and then answered. */
  readonly #lastHeard = new Map<string, number>();
  readonly #leaders: readonly number[];

  constructor(view: View) {
    const attached = new Map<string, number>();
    for (const notes of view.notes.values())
      for (const note of notes) {
        this.#hear(note);
        if (note.what !== "attached") continue;
        // One leader is one term; where no term is told, every attachment may be another leader's.
        const term = note.detail?.["term"];
        const name = term === undefined ? `${note.process} ${note.time}` : `${term}`;
        attached.set(name, Math.min(note.time, attached.get(name) ?? Infinity));
      }
    for (const { process, inv, call } of view.effects)
      if (call.told?.type === "ok" && ofConsumers.has(call.asked.f))
        this.#lastHeard.set(process, Math.max(inv, this.#lastHeard.get(process) ?? -Infinity));
    this.#leaders = [...attached.values()].sort((a, b) => a - b);
  }

  isLeaving(process: string, by: number): boolean {
    return (this.#leaving.get(process) ?? Infinity) <= by;
  }

  /** The session that held this lease may have ended between. */
  mayHaveLost({ process, queue, token }: Delivered, from: number, by: number): boolean {
    return (
      this.isLeaving(process, by) ||
      (this.#lastHeard.get(process) ?? -Infinity) <= by ||
      (this.#sessionLost.get(process) ?? -Infinity) >= from ||
      this.#leaseLost.has(`${process}/${queue}/${token}`)
    );
  }

  leadersBetween(from: number, to: number): number {
    return countBelow(this.#leaders, to + 1) - countBelow(this.#leaders, from);
  }

  #hear({ process, time, what, detail }: Noted): void {
    switch (what) {
      case "closing":
      case "ended":
        this.#leaving.set(process, Math.min(time, this.#leaving.get(process) ?? Infinity));
        return;
      case "session-lost":
        this.#sessionLost.set(process, Math.max(time, this.#sessionLost.get(process) ?? -Infinity));
        return;
      case "lease-lost":
        this.#leaseLost.add(`${process}/${detail?.["queue"]}/${detail?.["token"]}`);
        return;
      case "started":
      case "attached":
        return;
    }
  }
}

const ofConsumers: ReadonlySet<string> = new Set([
  ...["ack", "nack", "reject", "release", "commit", "receive"],
]);

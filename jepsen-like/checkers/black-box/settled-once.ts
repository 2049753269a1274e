// Q3: a message is settled once. Q12: an old token settles nothing.
//   Tokens grow with every grant of a message (P5), and what is acked is never granted again. So, whatever the times:
//   - of the settlements of one message at most one ack or reject took effect; of those of one lease at most one of any kind;
//   - no grant of a message is newer than the lease that was acked, or rejected;
//   - a nack or release that was asked for when a newer lease had already reached somebody is refused;
//   - one token is one lease: of one message, with one process;
//   - what was acked for good is not there when one looks later.
//   Assumes: "already settled" is said of the same lease only, and to somebody who had asked to settle it so before.
//   Unanswered settlements are never counted: they may have come to nothing.

import type { Check } from "../contract.ts";
import type { Delivered } from "../../history/record.ts";
import { counted, Findings } from "./findings.ts";
import {
  allMessages,
  certain,
  nameOf,
  viewOf,
  type Message,
  type Settling,
  type View,
} from "./view.ts";

const isFinal = ({ f }: Settling): boolean => f === "ack" || f === "reject";

export const settledOnce: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q3 settled once");
  let looked = 0;
  for (const message of allMessages(view)) {
    if (message.settlings.length === 0) continue;
    looked += message.settlings.length;
    lookForTwo(view, message, findings);
    lookForGhost(view, message, findings);
  }
  return findings.verdict(counted(looked, "settlement"));
};

function lookForTwo(view: View, message: Message, findings: Findings): void {
  let first: Settling | undefined;
  const byToken = new Map<number, Settling>();
  for (const one of message.settlings) {
    if (one.effect.outcome !== "ok") continue;
    if (one.already) {
      if (!hadAsked(message, one))
        findings.add({
          what: `${told(view, one)} of ${nameOf(message)} was told that it had been settled before, and nobody had asked for it.`,
          ...where(one, [one.effect.inv]),
        });
      continue;
    }
    const { token } = one.lease;
    const other = (isFinal(one) ? first : undefined) ?? byToken.get(token);
    if (other !== undefined)
      findings.add({
        what: `Settled twice: ${nameOf(message)}, by ${told(view, other)} and by ${told(view, one)}.`,
        ...where(one, [other.effect.inv, one.effect.inv]),
      });
    byToken.set(token, one);
    if (isFinal(one)) first ??= one;
  }
}

function hadAsked({ settlings }: Message, one: Settling): boolean {
  return settlings.some(
    (other) =>
      other !== one &&
      other.f === one.f &&
      other.lease.token === one.lease.token &&
      other.effect.outcome !== "fail" &&
      other.effect.inv < one.effect.ret,
  );
}

function lookForGhost(view: View, message: Message, findings: Findings): void {
  const acked = certain(message, "ack");
  if (acked === undefined) return;
  const ghost = message.sightings.find(({ browse }) => browse.inv > acked.ret);
  if (ghost === undefined) return;
  findings.add({
    what: `Acked and still there: ${nameOf(message)}, by ${told(view, acked.settling)}, was seen in its queue (${ghost.state}) at ${view.at(ghost.browse.ret)}.`,
    ...where(acked.settling, [acked.ret, ghost.browse.inv]),
  });
}

export const fencing: Check = (evidence) => {
  const view = viewOf(evidence);
  const findings = new Findings("Q12 fencing");
  const holders = new Map<string, Delivered>();
  let looked = 0;
  for (const message of allMessages(view)) {
    for (const delivery of message.deliveries) lookForTwin(view, holders, delivery, findings);
    for (const one of message.settlings) {
      if (one.effect.outcome !== "ok" || one.already) continue;
      looked += 1;
      lookForNewer(view, message, one, findings);
    }
  }
  return findings.verdict(
    `${counted(holders.size, "token")}, ${counted(looked, "settlement")} that took effect`,
  );
};

function lookForTwin(
  view: View,
  holders: Map<string, Delivered>,
  delivery: Delivered,
  findings: Findings,
): void {
  const { queue, token, body, process, key, time } = delivery;
  const name = `${queue}/${token}`;
  const other = holders.get(name);
  if (other === undefined) holders.set(name, delivery);
  else if (other.body !== body || other.process !== process)
    findings.add({
      what: `Token ${token} of queue ${queue} was given twice: for ${other.body} to ${other.process} at ${view.at(other.time)}, for ${body} to ${process} at ${view.at(time)}.`,
      ...{ queue, key, times: [other.time, time] },
    });
}

function lookForNewer(view: View, message: Message, one: Settling, findings: Findings): void {
  const { token } = one.lease;
  // By token, ascending: only the last one can be newer by token, but it is the first to arrive that shows a late nack.
  for (const { token: newer, time, process } of message.deliveries) {
    if (newer <= token) continue;
    if (!isFinal(one) && time >= one.effect.inv) continue;
    const since = isFinal(one) ? "" : " before";
    findings.add({
      what: `An old token was accepted: ${told(view, one)} settled ${nameOf(message)}, which was given to ${process} at ${view.at(time)}${since} with token ${newer}.`,
      ...where(one, [time, one.effect.inv]),
    });
    return;
  }
}

function told(view: View, { f, lease, effect }: Settling): string {
  return `the ${f} of ${effect.process} with token ${lease.token} (asked at ${view.at(effect.inv)})`;
}

function where(
  { lease: { queue, key } }: Settling,
  times: readonly number[],
): { queue: string; key: string; times: readonly number[] } {
  return { queue, key, times };
}

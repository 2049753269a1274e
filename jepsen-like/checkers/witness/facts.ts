// What the deliveries of a run say about messages: where they are, and which tokens were given for them. A delivery stands in no
// entry of the log: these facts hold at some time, and tokens say in which order (P5).

import type { Delivered } from "../../history/record.ts";

/** Of one message. */
export interface Fact {
  readonly queue: string;
  readonly key: string;
  readonly keySeq: number;
  readonly seq: number;
  readonly body: string;
  tokenMin: number;
  tokenMax: number;
  /** Of the first delivery seen: microseconds. */
  readonly time: number;
}

export interface Facts {
  /** By placeName. */
  readonly byPlace: ReadonlyMap<string, Fact>;
  /** By bodyName. */
  readonly byBody: ReadonlyMap<string, Fact>;
  /** Two deliveries that cannot both be: each a sentence. */
  readonly contradictions: readonly { readonly what: string; readonly delivered: Delivered }[];
}

/** `lane`: the key where keys have an order of their own, else "". */
export function placeName(queue: string, lane: string, keySeq: number): string {
  return `${queue}\n${lane}\n${keySeq}`;
}

export function bodyName(queue: string, body: string): string {
  return `${queue}\n${body}`;
}

export function factsOf(
  delivered: readonly Delivered[],
  laneOf: (queue: string, key: string) => string,
): Facts {
  const byPlace = new Map<string, Fact>();
  const byBody = new Map<string, Fact>();
  const ofToken = new Map<number, Fact>();
  const contradictions: { what: string; delivered: Delivered }[] = [];
  for (const one of delivered) {
    const { queue, key, keySeq, seq, body, token, time } = one;
    const place = placeName(queue, laneOf(queue, key), keySeq);
    let fact = byPlace.get(place);
    if (fact === undefined) {
      fact = { queue, key, keySeq, seq, body, tokenMin: token, tokenMax: token, time };
      byPlace.set(place, fact);
      byBody.set(bodyName(queue, body), fact);
    }
    const wrong = differs(fact, one);
    if (wrong !== undefined) contradictions.push({ what: wrong, delivered: one });
    const holder = ofToken.get(token);
    if (holder === undefined) ofToken.set(token, fact);
    else if (holder !== fact) {
      const what = `P5: token ${token} was given for ${holder.queue} ${holder.key} #${holder.keySeq} and for ${queue} ${key} #${keySeq}`;
      contradictions.push({ what, delivered: one });
    }
    fact.tokenMin = Math.min(fact.tokenMin, token);
    fact.tokenMax = Math.max(fact.tokenMax, token);
  }
  return { byPlace, byBody, contradictions };
}

function differs(fact: Fact, { queue, key, keySeq, seq, body }: Delivered): string | undefined {
  if (fact.body === body && fact.seq === seq && fact.key === key) return undefined;
  return `${queue} ${key} #${keySeq} came as ${fact.body} (seq ${fact.seq}) and as ${body} (seq ${seq})`;
}

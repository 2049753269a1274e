// Reads against the model: at the entry that they say, or between the two entries that real time allows (real-time.ts T3).
//   R1. Counters only grow: what a read said lies between the least at the one end and the most at the other.
//   R2. What was browsed is compared where nothing changed in between.

import type { Call } from "../contract.ts";
import { counted } from "../black-box/findings.ts";
import type { Findings } from "./findings.ts";
import type { Model, QueueModel } from "./model.ts";
import type { Span } from "./real-time.ts";

/** What the counters of a queue may be. */
interface Bounds {
  readonly enqueuedLow: number;
  readonly enqueuedHigh: number;
  readonly ackedLow: number;
  readonly ackedHigh: number;
}

interface Read {
  readonly call: Call;
  readonly queue: string;
  readonly span: Span;
  least: Bounds | undefined;
}

export class Reads {
  readonly #byLeast: Read[];
  readonly #byMost: Read[];
  #least = 0;
  #most = 0;
  judged = 0;
  browsed = 0;
  /** Not compared: the queue changed meanwhile, or is not judged. */
  passed = 0;

  constructor(spans: ReadonlyMap<Call, Span>) {
    const reads: Read[] = [];
    for (const [call, span] of spans) {
      const { asked } = call;
      if (asked.f === "get-queue" || asked.f === "browse")
        reads.push({ call, queue: asked.queue, span, least: undefined });
    }
    this.#byLeast = [...reads].sort((a, b) => a.span.least - b.span.least);
    this.#byMost = reads.sort((a, b) => a.span.most - b.span.most);
  }

  get looked(): string {
    return `${counted(this.judged, "read")} of counters, ${this.browsed.toLocaleString("en")} of messages, ${this.passed.toLocaleString("en")} not compared`;
  }

  /** All entries before `index` have been replayed, and none from there on. `time`: cluster time. */
  before(index: number, model: Model, time: number, findings: Findings): void {
    for (let read = this.#byLeast[this.#least]; read !== undefined && read.span.least < index;) {
      const queue = model.queues.get(read.queue);
      if (queue !== undefined) read.least = boundsOf(queue);
      read = this.#byLeast[++this.#least];
    }
    for (let read = this.#byMost[this.#most]; read !== undefined && read.span.most < index;) {
      this.#judge(read, model.queues.get(read.queue), time, findings);
      read = this.#byMost[++this.#most];
    }
  }

  #judge(read: Read, queue: QueueModel | undefined, time: number, findings: Findings): void {
    const { call, least, span } = read;
    const told = call.told?.told;
    if (queue === undefined || least === undefined || queue.loose !== "") {
      this.passed++;
      return;
    }
    if (call.asked.f === "get-queue") {
      this.judged++;
      for (const wrong of wrongCounters(queue, told?.counters ?? {}, least, boundsOf(queue)))
        findings.add(finding(read, wrong));
      return;
    }
    if (queue.changed > span.least || queue.takesLetters || queue.rules.ordering === "none") {
      this.passed++;
      return;
    }
    this.browsed++;
    for (const wrong of wrongMessages(queue, told?.there ?? [], time))
      findings.add(finding(read, wrong));
  }
}

function finding({ call, queue, span }: Read, wrong: string) {
  const { asked, told } = call;
  const { least, most } = span;
  const when = least === most ? `at entry ${least}` : `between entries ${least} and ${most}`;
  return {
    what: `R1: ${asked.process} read (${asked.f}, call ${asked.op}) ${when} that ${wrong}`,
    queue,
    times: [asked.time, told?.time ?? asked.time],
  };
}

function boundsOf({ seq, acked, takesLetters }: QueueModel): Bounds {
  return {
    enqueuedLow: seq.low,
    enqueuedHigh: takesLetters ? Infinity : seq.high,
    ackedLow: acked.low,
    ackedHigh: acked.high,
  };
}

function* wrongCounters(
  queue: QueueModel,
  said: Readonly<Record<string, number>>,
  least: Bounds,
  most: Bounds,
): Generator<string> {
  const within = (name: string, low: number, high: number): string | undefined => {
    const value = said[name];
    if (value === undefined || (value >= low && value <= high)) return undefined;
    return `${name} is ${value}; it is ${low === high ? low : `${low} to ${high}`}`;
  };
  const enqueued = within("enqueued", least.enqueuedLow, most.enqueuedHigh);
  if (enqueued !== undefined) yield enqueued;
  const acked = within("acked", least.ackedLow, most.ackedHigh);
  if (acked !== undefined) yield acked;
  const states = ["ready", "leased", "retrying", "parked", "delayed"].map((name) => said[name]);
  if (states.some((count) => count === undefined)) return;
  const depth = states.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  const high = most.enqueuedHigh - least.ackedLow;
  // Where failed messages leave, only what is at most there is known.
  const keeps = queue.rules.onExhausted === "park" && !queue.rules.expires;
  const low = keeps ? Math.max(0, least.enqueuedLow - most.ackedHigh) : 0;
  if (depth < low || depth > high) yield `${depth} messages are there; there are ${low} to ${high}`;
}

/** R2. */
function* wrongMessages(
  queue: QueueModel,
  there: readonly { readonly key: string; readonly keySeq: number; readonly body: string }[],
  time: number,
): Generator<string> {
  const said = new Set(there.map(({ key, keySeq }) => `${queue.laneOf(key)}\n${keySeq}`));
  for (const { key, keySeq, body } of there) {
    const message = queue.lane(key).messages.get(keySeq);
    if (message === undefined) continue;
    if (message.body !== body) yield `${key} #${keySeq} is ${body}; it is ${message.body}`;
    else if (message.state === "gone")
      yield `${body} (${key} #${keySeq}) is there; entry ${message.goneAt} took it out`;
  }
  for (const [name, lane] of queue.lanes) {
    for (const message of lane.messages.values()) {
      if (!queue.isThere(message, time) || said.has(`${name}\n${message.keySeq}`)) continue;
      yield `${message.body} (${message.key} #${message.keySeq}) is not there; entry ${message.index} enqueued it and nothing took it out`;
    }
  }
}

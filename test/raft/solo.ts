// One member alone in the test's hands: it is told what the others say, and what it says is looked at.

import {
  Raft,
  violations,
  type Input,
  type Message,
  type NodeId,
  type Output,
  type RaftConfig,
  type RaftStatus,
} from "../../raft/index.ts";
import { configOf, restored, text } from "./harness.ts";

type Restorable = Parameters<typeof restored>[0];
type Unaddressed<M> = M extends Message ? Omit<M, "from" | "to" | "term"> : never;
export type Said = Unaddressed<Message>;

export function sentBy(output: Output): Message[] {
  return [...output.sendNow, ...output.sendAfterPersist];
}

export function only<K extends Message["kind"]>(
  messages: readonly Message[],
  kind: K,
): Extract<Message, { kind: K }>[] {
  return messages.filter((message) => message.kind === kind) as Extract<Message, { kind: K }>[];
}

export class Solo {
  readonly raft: Raft;
  readonly config: RaftConfig;
  #before: RaftStatus | undefined;
  #sequence = 0;

  constructor(state: Restorable = {}, config: Partial<RaftConfig> = {}, id: NodeId = 1) {
    this.config = configOf(id, { random: () => 0, ...config });
    this.raft = new Raft(this.config, restored(state));
    this.#before = this.status;
  }

  get status(): RaftStatus {
    return this.raft.status();
  }

  step(input: Input): Output {
    const output = this.raft.step(input);
    const after = this.status;
    for (const violation of violations(this.#before, after)) throw new Error(violation);
    this.#before = after;
    this.#sequence = output.persist?.sequence ?? this.#sequence;
    return output;
  }

  tick(count = 1): Output[] {
    return Array.from({ length: count }, () => this.step({ kind: "tick" }));
  }

  hear(from: NodeId, term: number, said: Said): Output {
    const message = { from, to: this.config.id, term, ...said } as Message;
    return this.step({ kind: "message", message });
  }

  /** The disk confirms what this output handed out. */
  persisted({ persist }: Output): Output {
    if (persist === undefined) throw new Error("nothing to persist");
    return this.step({ kind: "persisted", sequence: persist.sequence });
  }

  /** The disk confirms everything handed out so far. */
  sync(): Output {
    return this.step({ kind: "persisted", sequence: this.#sequence });
  }

  propose(payload: string): Output {
    return this.step({ kind: "propose", payload: text.encode(payload) });
  }

  // ---- Ways into each role.

  follow(leader: NodeId, term: number): this {
    const output = this.hear(leader, term, { kind: "heartbeat", commit: 0, round: 1 });
    if (output.persist !== undefined) this.persisted(output);
    return this;
  }

  /** Ticks until the election time-out; returns the output that begins the pre-vote (or, alone, the election). */
  timeOut(): Output {
    for (let n = 0; n < 100; n += 1) {
      const output = this.step({ kind: "tick" });
      if (output.persist !== undefined) return output;
      if (output.sendNow.some(({ kind }) => kind === "pre-vote-request")) return output;
    }
    throw new Error("no campaign");
  }

  /** Through the pre-vote; returns the output with the vote requests. */
  campaign(...supporters: NodeId[]): Output {
    let output = this.timeOut();
    for (const from of supporters) {
      const term = this.status.term + 1;
      if (this.status.role !== "pre-candidate") break;
      output = this.hear(from, term, { kind: "pre-vote-reply", granted: true });
    }
    return output;
  }

  /** Wins an election with the votes of `supporters`; returns the output of the first step as leader. */
  lead(...supporters: NodeId[]): Output {
    const voters = supporters.length === 0 ? [2, 3] : supporters;
    const requests = this.campaign(...voters);
    let output = this.persisted(requests);
    for (const from of voters) {
      if (this.status.role === "leader") break;
      output = this.hear(from, this.status.term, { kind: "vote-reply", granted: true });
    }
    if (this.status.role !== "leader") throw new Error("the election was not won");
    return output;
  }

  /** The follower acknowledges everything through `match`. */
  ack(from: NodeId, match: number, previous = { term: 0, index: 0 }): Output {
    return this.hear(from, this.status.term, {
      kind: "append-reply",
      previous,
      outcome: { kind: "accepted", match },
    });
  }
}

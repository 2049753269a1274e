// Leadership handed over at an administrator's request (§3.10 of the thesis, D6).
//   TR1. Each request is answered exactly once: when another leader is known, when the attempt is over and this node still
//        leads, or when neither comes to be known in time (R10).

import type { NodeId, RaftStatus, TransferOutcome } from "../raft/index.ts";
import type { Unanswered } from "./proposer.ts";

export type TransferRefusal =
  | Exclude<Extract<TransferOutcome, { kind: "refused" }>["reason"], "not-leader" | "is-leader">
  /** Nobody else votes. */
  | "no-candidate"
  /** It was tried: the other node did not take over in time. */
  | "not-taken-over";

export type TransferAnswer =
  | { readonly kind: "done"; readonly leader: NodeId }
  | { readonly kind: "refused"; readonly reason: TransferRefusal; readonly to: NodeId }
  | Unanswered;

/** In election time-outs: how long a new leader may take to become known, once this one has stepped down. */
const patience = 4;

interface UnderWay {
  readonly to: NodeId;
  readonly respond: (answer: TransferAnswer) => void;
  ticksLeft: number;
}

export class Transfers {
  readonly #electionTicks: number;
  readonly #status: () => RaftStatus;
  readonly #start: (to: NodeId) => TransferOutcome;
  #underWay: UnderWay | undefined;

  constructor(
    electionTicks: number,
    status: () => RaftStatus,
    start: (to: NodeId) => TransferOutcome,
  ) {
    this.#electionTicks = electionTicks;
    this.#status = status;
    this.#start = start;
  }

  /** `to` 0: the voter that is the furthest. */
  ask(to: NodeId, respond: (answer: TransferAnswer) => void): void {
    const chosen = to === 0 ? bestOf(this.#status(), this.#electionTicks) : to;
    if (chosen === undefined) {
      respond({ kind: "refused", reason: "no-candidate", to });
      return;
    }
    if (this.#underWay !== undefined) {
      respond({ kind: "refused", reason: "transferring", to: chosen });
      return;
    }
    // Before the start: a cluster without latency could be done within it.
    const underWay = { to: chosen, respond, ticksLeft: patience * this.#electionTicks };
    this.#underWay = underWay;
    const started = this.#start(chosen);
    if (started.kind === "started" || this.#underWay !== underWay) return;
    switch (started.reason) {
      case "not-leader":
        this.#answer({ kind: "not-leader" });
        return;
      case "is-leader":
        this.#answer({ kind: "done", leader: chosen });
        return;
      case "transferring":
      case "not-a-voter":
      case "change-pending":
      case "unreachable":
        this.#answer({ kind: "refused", reason: started.reason, to: chosen });
        return;
    }
  }

  tick(): void {
    const underWay = this.#underWay;
    if (underWay === undefined) return;
    underWay.ticksLeft -= 1;
    const { role, transferee } = this.#status();
    if (role === "leader" && transferee === undefined)
      this.#answer({ kind: "refused", reason: "not-taken-over", to: underWay.to });
    // Nothing that was asked for is lost with it: who leads is no state of the log.
    else if (underWay.ticksLeft <= 0) this.#answer({ kind: "unknown" });
  }

  /** Another node is known to lead. */
  ledBy(leader: NodeId): void {
    this.#answer({ kind: "done", leader });
  }

  close(): void {
    this.#answer({ kind: "shutting-down" });
  }

  #answer(answer: TransferAnswer): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    underWay?.respond(answer);
  }
}

/** The voter that is alive and holds the most of the log; of equals, the one heard last. */
function bestOf({ progress }: RaftStatus, electionTicks: number): NodeId | undefined {
  const isSilent = ({ lastHeardTicks }: { lastHeardTicks: number }): number =>
    lastHeardTicks > electionTicks ? 1 : 0;
  const voters = progress.filter(({ voter }) => voter);
  voters.sort(
    (a, b) => isSilent(a) - isSilent(b) || b.match - a.match || a.lastHeardTicks - b.lastHeardTicks,
  );
  return voters[0]?.id;
}

// Whoever runs the cluster: adds, promotes and removes members, one thing at a time, and moves leadership. It asks the node that
// leads, as the Admin service does, and takes no for an answer.

import type { ChangeRequest } from "../../node/membership-changes.ts";
import type { NodeId } from "../../raft/index.ts";
import type { Counters } from "./counters.ts";
import type { WatchedMachine as Machine } from "./watched-machine.ts";
import type { Random } from "../../testing/random.ts";
import type { Trace } from "../../testing/trace.ts";
import type { Watch } from "./watch.ts";

export interface OperatorWorld {
  readonly trace: Trace;
  readonly counters: Counters;
  readonly watch: Watch;
  readonly leader: Machine | undefined;
  /** A machine with an empty disk and a number that was never used; it waits to be added. */
  addMachine(): Machine;
}

const membersMax = 7;

export class Operator {
  readonly #world: OperatorWorld;
  readonly #random: Random;
  #added: Machine | undefined;
  /** What was asked and not answered, of which node in which life. */
  readonly #asked = new Set<{ readonly leader: Machine; readonly life: number }>();

  constructor(world: OperatorWorld, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Something may still come of what was asked. */
  get isWaiting(): boolean {
    return [...this.#asked].some(({ leader, life }) => leader.process.life === life);
  }

  /** Whatever the membership suggests, drawn. */
  change(): void {
    const { leader, watch } = this.#world;
    if (leader === undefined) return;
    const { voters, learners } = watch.membership;
    const dice = this.#random.next();
    if (this.#added !== undefined) this.#add(leader, this.#added);
    else if (learners.length > 0 && dice < 0.6)
      this.#ask(leader, { kind: "promote", id: this.#random.pick(learners) });
    else if (voters.length + learners.length < membersMax && (dice < 0.5 || voters.length < 3)) {
      this.#added = this.#world.addMachine();
      this.#added.start();
      this.#add(leader, this.#added);
    } else if (voters.length > 1) {
      const id = dice < 0.7 ? this.#random.pick(voters) : leader.id;
      this.#ask(leader, { kind: "remove", id });
    }
  }

  #add(leader: Machine, machine: Machine): void {
    const { id, endpoint } = machine;
    const member = { id, peer: `peer-${id}:7401`, client: endpoint };
    this.#ask(leader, { kind: "add-learner", member }, () => (this.#added = undefined));
  }

  #ask(leader: Machine, request: ChangeRequest, done?: () => void): void {
    const { trace, counters } = this.#world;
    const what = request.kind === "add-learner" ? request.member.id : request.id;
    trace.fault("membership", leader.name, request.kind, what);
    const asked = { leader, life: leader.process.life };
    this.#asked.add(asked);
    void leader.node?.administration.change(request).then((outcome) => {
      this.#asked.delete(asked);
      const why = outcome.kind === "refused" ? outcome.reason : "";
      trace.event("membership", request.kind, what, outcome.kind, why);
      if (outcome.kind !== "done") return;
      if (outcome.changed) counters.membershipChanges += 1;
      done?.();
    });
  }

  transfer(): void {
    const { leader, trace, counters, watch } = this.#world;
    if (leader === undefined) return;
    const to: NodeId = this.#random.pick([0, ...watch.membership.voters]);
    trace.fault("transfer", leader.name, to);
    void leader.node?.administration.transfer(to).then((answer) => {
      trace.event("transfer", to, answer.kind, answer.kind === "refused" ? answer.reason : "");
      if (answer.kind === "done" && answer.leader !== leader.id) counters.transfers += 1;
    });
  }
}

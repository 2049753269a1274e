// A replica with habits: when it stores, when it dies, how much memory it allows itself. None of it may matter (G1, E6).

import fc from "fast-check";
import type { Limits, Rules } from "../../../queue/index.ts";
import { Replica, type Outcome } from "../harness.ts";

export interface Habit {
  readonly limits: Limits;
  /** One for each entry, over and over. */
  readonly after: readonly ("nothing" | "flush" | "take" | "crash" | "restart")[];
}

export const habit: fc.Arbitrary<Habit> = fc.record({
  limits: fc.record({ lanesResidentMax: fc.constantFrom(0, 1, 1000) }),
  after: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant("nothing" as const) },
      { weight: 4, arbitrary: fc.constant("flush" as const) },
      { weight: 2, arbitrary: fc.constant("take" as const) },
      { weight: 1, arbitrary: fc.constant("crash" as const) },
      { weight: 2, arbitrary: fc.constant("restart" as const) },
    ),
    { minLength: 1, maxLength: 12 },
  ),
});

/** Batches stay out for a while; a crash loses what was not stored, and the log is applied again. */
export class Habitual {
  replica: Replica;
  private out = false;
  private readonly log: Uint8Array[] = [];
  private readonly habit: Habit;

  constructor(habit: Habit, rules: Rules) {
    this.habit = habit;
    this.replica = Replica.empty(habit.limits, rules, 0);
  }

  async apply(payload: Uint8Array, index: number): Promise<Outcome> {
    this.log.push(payload);
    const outcome = await this.replica.apply(payload, index);
    const { after } = this.habit;
    await this.then(after[index % after.length] ?? "nothing");
    return outcome;
  }

  async flush(): Promise<void> {
    this.stored();
    await this.replica.flush();
  }

  private stored(): void {
    if (this.out) this.replica.machine.writesStored();
    this.out = false;
  }

  private async then(what: Habit["after"][number]): Promise<void> {
    switch (what) {
      case "nothing": {
        this.stored();
        return;
      }
      case "flush":
        return this.flush();
      case "take":
        this.stored();
        await this.replica.store.write(this.replica.machine.takeWrites());
        this.out = true;
        return;
      case "restart":
        await this.flush();
        this.replica = await this.replica.restored();
        return;
      case "crash":
        this.out = false;
        this.replica = await this.replica.restored();
        for (let i = this.replica.machine.appliedIndex; i < this.log.length; i++) {
          await this.replica.apply(this.log[i]!, i + 1);
        }
        return;
    }
  }
}

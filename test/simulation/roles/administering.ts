// A program that looks at queues, pauses and resumes them, makes and deletes some.

import type { SimClient } from "../clients.ts";
import { queues } from "../queues.ts";

export async function administer(program: SimClient): Promise<void> {
  const random = program.random;
  const paused = new Set<string>();
  while (program.goesOn || paused.size > 0) {
    const { name } = random.pick(queues);
    const dice = random.next();
    const update = (changes: { paused?: boolean; maxInFlightPerKey?: number }): Promise<unknown> =>
      program.ask({ kind: "admin", what: `update ${name}` }, () =>
        program.up.updateQueue(name, changes),
      );
    if (!program.goesOn) {
      for (const each of paused)
        await program.ask({ kind: "admin", what: `resume ${each}` }, () =>
          program.up.updateQueue(each, { paused: false }),
        );
      return;
    } else if (dice < 0.6) await program.read(name);
    else if (dice < 0.7)
      await program.ask({ kind: "admin", what: "list" }, () => program.up.listQueues());
    else if (dice < 0.75) {
      paused.add(name);
      await update({ paused: true });
    } else if (dice < 0.88) {
      if ((await update({ paused: false })) !== undefined) paused.delete(name);
    } else {
      const temporary = `t${random.int(1, 3)}`;
      await program.ask({ kind: "admin", what: `create ${temporary}` }, () =>
        program.up.createQueue(temporary),
      );
      await program.enqueue(temporary, program.key());
      if (random.chance(0.7))
        await program.ask({ kind: "admin", what: `delete ${temporary}` }, () =>
          program.up.deleteQueue(temporary),
        );
    }
    await program.think();
  }
}

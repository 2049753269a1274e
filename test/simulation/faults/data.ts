// Data that is damaged or gone: of one node at a time, which must say so, or must not be heard.

import type { FaultKit, Machine } from "./kit.ts";

/**
 * Bits flip, or the end is missing, in a file of a node that does not run: it must say so, or it was harmless (F4, F7). What
 * lies behind the log's guard cannot be told from a torn write (node/log/guard.ts): so nobody hears of it, and it gets its
 * disk back as it was.
 */
export function damage(kit: FaultKit): void {
  const machine = kit.target;
  // In quarantine too it would be a majority, by what its log says or once said: then its disk could not come back.
  if (kit.isOneUntouchable || kit.world.hasHadOneVoter) return;
  kit.untouchable = machine;
  if (machine.state === "up" && kit.random.chance(0.5)) {
    // Then its guard is exact: not a byte of its log may go without a word.
    machine.stop();
    whenDown(kit, machine, () => damageFile(kit, machine));
    return;
  }
  if (machine.state !== "down") machine.kill();
  damageFile(kit, machine);
}

function whenDown(kit: FaultKit, machine: Machine, run: () => void): void {
  if (machine.state === "down") run();
  else kit.world.time.after(20, undefined, () => whenDown(kit, machine, run));
}

function damageFile(kit: FaultKit, machine: Machine): void {
  const { trace, counters, network, time } = kit.world;
  const paths = machine.disk.paths();
  const logs = paths.filter((path) => path.endsWith(".log"));
  if (kit.isOver || paths.length === 0) {
    kit.untouchable = undefined;
    return;
  }
  const path = kit.random.pick(logs.length > 0 && kit.random.chance(0.5) ? logs : paths);
  const { length } = machine.disk.content(path);
  if (length === 0) {
    kit.untouchable = undefined;
    return;
  }
  const isCut = kit.random.chance(0.4);
  const at = kit.random.chance(0.3)
    ? Math.max(0, length - kit.random.int(1, 100))
    : kit.random.int(0, length - 1);
  trace.fault(isCut ? "truncate" : "flip", machine.name, `${path}@${at}`);
  counters.damaged += 1;
  const saved = machine.saved();
  const known = { ...machine.log.hardState, through: machine.log.guard.index };
  machine.disk.damage(path, (content) => {
    if (isCut) return content.subarray(0, at);
    content[at] = (content[at] ?? 0) ^ (1 << kit.random.int(0, 7));
    return content;
  });
  machine.excuse = "damage";
  network.quarantined.add(machine.name);
  machine.log.reload(machine.disk);
  machine.start();
  kit.later(kit.whileMs + 200, () => {
    if (machine.refusal !== undefined) counters.corruptVerdicts += 1;
    else checkDamaged(kit, machine, known);
    machine.restore(saved);
    trace.event("repaired", machine.id, path);
    machine.excuse = undefined;
    kit.untouchable = undefined;
    network.quarantined.delete(machine.name);
    network.mend(machine.name, machine.name);
    if (kit.isOver) time.after(0, undefined, () => machine.start());
  });
}

/** It started: then nothing is gone that must not go without a word, neither an entry nor a vote (F4, F5, A1). */
function checkDamaged(
  kit: FaultKit,
  { node, id }: Machine,
  known: { readonly term: number; readonly vote: number; readonly through: number },
): void {
  if (node === undefined) return;
  const { last, term, vote = 0 } = node.raftStatus();
  const { violated } = kit.world;
  if (last.index < known.through)
    violated(
      `F4: node ${id} starts with ${last.index} entries; it had ${known.through} for certain`,
    );
  if (term < known.term || (term === known.term && vote !== known.vote && known.vote !== 0))
    violated(`A1: node ${id} starts with another vote than it had`);
}

/** It comes back with an empty disk and must not be heard (C7), until it has its old disk again. */
export function wipe(kit: FaultKit): void {
  const machine = kit.target;
  if (kit.isOneUntouchable) return;
  // Begun alone, it would begin alone again: nobody is there whom it would have to ask. And of a node that nobody has met the
  // empty disk is the first one that is seen.
  if (machine.config.members.length === 1 || machine.log.last === 0) return;
  if (machine.state !== "down") machine.kill();
  kit.said("wipe", machine);
  const saved = machine.saved();
  machine.wipe();
  machine.excuse = "wiped";
  kit.untouchable = machine;
  machine.start();
  kit.later(kit.whileMs * 3, () => {
    machine.restore(saved);
    machine.excuse = undefined;
    kit.world.trace.event("unwiped", machine.id);
    kit.untouchable = undefined;
  });
}

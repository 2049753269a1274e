// The smallest part of something that still shows what the whole shows: nothing can be left out of it any more.

/** Leaves out halves, then quarters, … then single units, until none can go. `shows(units)` holds. */
export function shrink<Unit>(
  units: readonly Unit[],
  shows: (units: readonly Unit[]) => boolean,
): readonly Unit[] {
  let kept = units;
  let size = Math.ceil(kept.length / 2);
  while (size >= 1) {
    let removed = false;
    for (let at = 0; at < kept.length;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (shows(without)) {
        kept = without;
        removed = true;
      } else {
        at += size;
      }
    }
    if (size === 1 && !removed) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return kept;
}

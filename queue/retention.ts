// What a topic retains goes when its owner's bounds say so: at a publish, at a change of options, and when it has aged.
//   PS3. state.topicAging is at or before the first moment at which a block of any topic goes by age: nothing is looked at until then.

import { topicMessageRow } from "./keys.ts";
import type { State } from "./state.ts";
import { blocksOver, nextAging, type Topic } from "./topic.ts";

export function trim(state: State, topic: Topic): void {
  const count = blocksOver(topic, state.clusterTime);
  if (count === 0) return;
  const from = topicMessageRow(topic.id, topic.first);
  for (const block of topic.blocks.splice(0, count)) topic.bytes -= block.bytes;
  state.rows.deleteRange({ from, to: topicMessageRow(topic.id, topic.first) });
  state.changedTopic(topic);
  state.digest.mix(topic.id);
  state.digest.mix(topic.first);
}

/** The oldest block of this topic, or its age, has changed. */
export function expectAging(state: State, topic: Topic): void {
  state.topicAging = Math.min(state.topicAging, nextAging(topic) ?? Infinity);
}

/** Cluster time has passed. */
export function trimAged(state: State): void {
  if (state.clusterTime < state.topicAging) return;
  state.topicAging = Infinity;
  for (const topic of topicsInOrder(state)) {
    trim(state, topic);
    expectAging(state, topic);
  }
}

/** By id: the order of a Map is not the same on a node that was restored (G1). */
function topicsInOrder(state: State): Topic[] {
  return [...state.topics.values()].sort((a, b) => a.id - b.id);
}

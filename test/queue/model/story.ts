// What GetMessageHistory must show, of queues that keep it.

import type { HistoryEvent } from "../../../queue/index.ts";
import type { Message, Queue, World } from "./world.ts";

const nameOf = ({ lane, number }: Message): string => `${lane}/${number}`;

/** Something happened to a message, perhaps to the lease of somebody. */
export function tell(
  world: World,
  queue: Queue,
  message: Message,
  kind: HistoryEvent["kind"],
  lease?: { readonly session: number; readonly consumer: number; readonly token: number },
  error = "",
): void {
  if (queue.options.historyMs === 0) return;
  const name = nameOf(message);
  const story = queue.stories.get(name) ?? { events: [], over: Infinity, doubtful: false };
  queue.stories.set(name, story);
  if (kind === "redriven" && queue.storiesChanged) story.doubtful = true;
  story.over = Infinity;
  story.events.push({
    ...{ kind, logIndex: world.index, time: world.clusterTime, error },
    ...{ token: lease?.token ?? 0, session: lease?.session ?? 0, consumer: lease?.consumer ?? 0 },
    sessionName: world.sessions.get(lease?.session ?? 0)?.name ?? "",
  });
}

/** The message is settled: its story is kept for a while. */
export function closeStory(world: World, queue: Queue, message: Message): void {
  const story = queue.stories.get(nameOf(message));
  if (story !== undefined) story.over = world.clusterTime + queue.options.historyMs;
}

/** Of a lane, or (undefined) of all: those of messages that nobody holds go with them. */
export function forgetStories(queue: Queue, lane: string | undefined): void {
  const held = new Set([...queue.timed].filter(({ state }) => state === "leased").map(nameOf));
  for (const name of queue.stories.keys()) {
    const here = lane === undefined || name.slice(0, name.lastIndexOf("/")) === lane;
    if (here && !held.has(name)) queue.stories.delete(name);
  }
}

export function storiesEnd(world: World): void {
  for (const queue of world.queues.values()) {
    for (const [name, story] of queue.stories) {
      if (story.over <= world.clusterTime) queue.stories.delete(name);
    }
  }
}

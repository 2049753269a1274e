// Queues: to create, look at, change, pause and delete them.

import { defaultOptions, type QueueOptions } from "../../queue/index.ts";
import { queueName, Malformed, whole } from "../door.ts";
import { queueOptions, type SaidOptions } from "../door-options.ts";
import { queueObject } from "../wire.ts";
import { noQueue, refusalOf, type Asker, type SaidCaller } from "./asker.ts";
import { refused } from "./errors.ts";
import { namePage, nextName, type SaidPage } from "./pages.ts";
import { calling, Refused } from "./unary.ts";

interface SaidCreate {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly options: SaidOptions | null;
  readonly temporary: boolean;
}
interface SaidUpdate {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly options: SaidOptions | null;
  readonly revision: number;
}
interface SaidDelete {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly revision: number;
  readonly ifEmpty: boolean;
}
interface SaidPause {
  readonly caller: SaidCaller | null;
  readonly queue: string;
}

export function queueCalls(asker: Asker) {
  const pause = async (said: SaidPause, paused: boolean): Promise<object> => {
    const command = {
      kind: "update-queue",
      name: queueName(said.queue),
      revision: 0,
      changes: { paused },
    } as const;
    // The command is one of UpdateQueue, whose request calls it `name`.
    const asked = asker.ask(asker.origin(said.caller), command, "queue");
    const { index } = await calling("name", "queue", asked);
    return { header: asker.header(index) };
  };
  return {
    CreateQueue: async (said: SaidCreate): Promise<object> => {
      const name = queueName(said.name, "name");
      const origin = asker.origin(said.caller);
      if (said.temporary && origin.session === 0)
        throw new Malformed(
          "caller.session_id",
          "a temporary queue goes with its session: call OpenSession first",
        );
      const options = allOptions(asker, said.options);
      const kind = said.temporary ? "create-temporary-queue" : "create-queue";
      const { index, reply } = await asker.ask(origin, { kind, name, options }, "queue");
      return queueReply(asker, index, reply);
    },

    UpdateQueue: async (said: SaidUpdate): Promise<object> => {
      const name = queueName(said.name, "name");
      const present = asker.node.machine.queueInfo(name)?.options ?? defaultOptions();
      const changes = queueOptions(said.options, present);
      deadLetterQueueExists(asker, changes.deadLetterQueue ?? "");
      const revision = whole(said.revision, "revision", 0, Number.MAX_SAFE_INTEGER);
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        { kind: "update-queue", name, revision, changes },
        "queue",
      );
      return queueReply(asker, index, reply);
    },

    DeleteQueue: async (said: SaidDelete): Promise<object> => {
      const { ifEmpty } = said;
      const revision = whole(said.revision, "revision", 0, Number.MAX_SAFE_INTEGER);
      const name = queueName(said.name, "name");
      const { index } = await asker.ask(
        asker.origin(said.caller),
        { kind: "delete-queue", name, revision, ifEmpty },
        "done",
      );
      return { header: asker.header(index) };
    },

    GetQueue: async (said: { name: string; consistency: unknown }): Promise<object> => {
      const name = queueName(said.name, "name");
      await asker.readable(said.consistency);
      const { machine } = asker.node;
      const queue = machine.queueInfo(name);
      if (queue === undefined) throw noQueue(name, "name");
      return {
        header: asker.header(machine.appliedIndex),
        queue: queueObject(queue),
        created: false,
      };
    },

    ListQueues: async (said: SaidPage & { maxQueues: number }): Promise<object> => {
      const page = namePage(said, said.maxQueues, "max_queues");
      await asker.readable(said.consistency);
      const { machine } = asker.node;
      const queues = machine.listQueues(page);
      return {
        header: asker.header(machine.appliedIndex),
        queues: queues.map(queueObject),
        next: nextName(queues, page),
      };
    },

    PauseQueue: (said: SaidPause): Promise<object> => pause(said, true),
    ResumeQueue: (said: SaidPause): Promise<object> => pause(said, false),
  };
}

/** Of a queue to be made: what was said, and the defaults of the rest. */
export function allOptions(asker: Asker, said: SaidOptions | null): QueueOptions {
  // The defaults of some options depend on others that were said.
  const spoken = queueOptions(said, defaultOptions());
  const base = defaultOptions(spoken.ordering, spoken.deadLetterQueue);
  const options = { ...base, ...queueOptions(said, base) };
  deadLetterQueueExists(asker, options.deadLetterQueue);
  return options;
}

/** A name that is not there is a mistake now; a queue deleted later is not: dead letters are then parked (P8). */
function deadLetterQueueExists({ node }: Asker, name: string): void {
  if (name === "" || !node.ready || node.machine.hasQueue(name)) return;
  const message = `there is no queue ${JSON.stringify(name)}: create the dead-letter queue first`;
  throw new Refused(refused(refusalOf("QUEUE_NOT_FOUND", message, "options.dead_letter_queue")));
}

export function queueReply(
  asker: Asker,
  index: number,
  {
    queue,
    created,
  }: { readonly queue: Parameters<typeof queueObject>[0]; readonly created: boolean },
): object {
  return { header: asker.header(index), queue: queueObject(queue), created };
}

// Topics and subscriptions.

import { defaultTopicOptions } from "../../queue/index.ts";
import { queueName, whole } from "../door.ts";
import {
  filter,
  startFrom,
  topicOptions,
  type SaidFilter,
  type SaidOptions,
  type SaidStart,
  type SaidTopicOptions,
} from "../door-options.ts";
import { topicObject } from "../wire.ts";
import { refusalOf, type Asker, type SaidCaller } from "./asker.ts";
import { namePage, nextName, type SaidPage } from "./pages.ts";
import { refused } from "./errors.ts";
import { allOptions, queueReply } from "./queue-calls.ts";
import { Refused } from "./unary.ts";

interface SaidCreateTopic {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly options: SaidTopicOptions | null;
}
interface SaidUpdateTopic extends SaidCreateTopic {
  readonly revision: number;
}
interface SaidDeleteTopic {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly revision: number;
  readonly force: boolean;
}
interface SaidSubscription {
  readonly caller: SaidCaller | null;
  readonly name: string;
  readonly topic: string;
  readonly options: SaidOptions | null;
  readonly filter: SaidFilter | null;
  readonly start: SaidStart | null;
}
interface SaidReplay {
  readonly caller: SaidCaller | null;
  readonly subscription: string;
  readonly start: SaidStart | null;
}

const revisionMax = Number.MAX_SAFE_INTEGER;

export function topicCalls(asker: Asker) {
  return {
    CreateTopic: async (said: SaidCreateTopic): Promise<object> => {
      const name = queueName(said.name, "name");
      const options = { ...defaultTopicOptions(), ...topicOptions(said.options) };
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        { kind: "create-topic", name, options },
        "topic",
      );
      const { topic, created } = reply;
      return { header: asker.header(index), topic: topicObject(topic), created };
    },

    UpdateTopic: async (said: SaidUpdateTopic): Promise<object> => {
      const name = queueName(said.name, "name");
      const changes = topicOptions(said.options);
      const revision = whole(said.revision, "revision", 0, revisionMax);
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        { kind: "update-topic", name, revision, changes },
        "topic",
      );
      return { header: asker.header(index), topic: topicObject(reply.topic), created: false };
    },

    DeleteTopic: async (said: SaidDeleteTopic): Promise<object> => {
      const name = queueName(said.name, "name");
      const revision = whole(said.revision, "revision", 0, revisionMax);
      const { index } = await asker.ask(
        asker.origin(said.caller),
        { kind: "delete-topic", name, revision, force: said.force },
        "done",
      );
      return { header: asker.header(index) };
    },

    GetTopic: async (said: { name: string; consistency: unknown }): Promise<object> => {
      const name = queueName(said.name, "name");
      await asker.readable(said.consistency);
      const { machine } = asker.node;
      const topic = machine.topicInfo(name);
      if (topic === undefined) {
        const message = `there is no topic ${name}`;
        throw new Refused(refused(refusalOf("TOPIC_NOT_FOUND", message, "name")));
      }
      return {
        header: asker.header(machine.appliedIndex),
        topic: topicObject(topic),
        created: false,
      };
    },

    ListTopics: async (said: SaidPage & { maxTopics: number }): Promise<object> => {
      const page = namePage(said, said.maxTopics, "max_topics");
      await asker.readable(said.consistency);
      const { machine } = asker.node;
      const topics = machine.listTopics(page);
      return {
        header: asker.header(machine.appliedIndex),
        topics: topics.map(topicObject),
        next: nextName(topics, page),
      };
    },
  };
}

export function subscriptionCalls(asker: Asker) {
  return {
    CreateSubscription: async (said: SaidSubscription): Promise<object> => {
      const { index, reply } = await asker.ask(
        asker.origin(said.caller),
        {
          kind: "create-subscription",
          name: queueName(said.name, "name"),
          topic: queueName(said.topic, "topic"),
          options: allOptions(asker, said.options),
          filter: filter(said.filter),
          start: startFrom(said.start),
        },
        "queue",
      );
      return queueReply(asker, index, reply);
    },

    Replay: async (said: SaidReplay): Promise<object> => {
      const { index } = await asker.ask(
        asker.origin(said.caller),
        {
          kind: "replay",
          subscription: queueName(said.subscription, "subscription"),
          start: startFrom(said.start),
        },
        "done",
      );
      return { header: asker.header(index) };
    },
  };
}

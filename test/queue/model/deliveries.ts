// Grants and late answers. The model does not predict whom a message goes to: it is told, says whether that was allowed
// (P3, P5), and in the end whether somebody still waits for something that is there.

import type { Completion, Grant, Reply } from "../../../queue/index.ts";
import { become, find, laneOf } from "./messages.ts";
import { tell } from "./story.ts";
import { ceil16, type Happened, type Message, type Queue } from "./world.ts";
import type { Session, Wait, World } from "./world.ts";

/** Takes the grants and late answers that are allowed now, in the order of their tokens, and checks each. */
export function observe(world: World, happened: Happened, beforeToken = Infinity): void {
  const { grants, completions } = happened;
  for (;;) {
    const grant = grants[0];
    const late = completions[0];
    const first = late?.answer.reply.kind === "received" ? late.answer.reply.grants[0] : undefined;
    const lateToken = late === undefined ? Infinity : (first?.token ?? 0);
    const grantToken = grant?.token ?? Infinity;
    if (Math.min(lateToken, grantToken) >= beforeToken) return;
    if (late !== undefined && lateToken < grantToken && completed(world, late)) {
      completions.shift();
    } else if (grant !== undefined && grantToken < beforeToken && allowed(world, grant)) {
      granted(world, grant);
      grants.shift();
    } else {
      return;
    }
  }
}

function completed(world: World, one: Completion): boolean {
  const name = `${one.session}/${one.sequence}`;
  const { reply, index } = one.answer;
  world.expect(index === world.index, `completion of ${name} says index ${index}`);
  const over = world.over.get(name);
  if (over !== undefined) {
    world.over.delete(name);
    const given = reply.kind === "refused" ? reply.refusal.reason : JSON.stringify(reply);
    const expected = { kind: "received", grants: [] };
    const right = over === "expired" ? "SESSION_EXPIRED" : JSON.stringify(expected);
    world.expect(given === right, `receive ${name}, which is over: ${given}`);
    world.sessions.get(one.session)?.answers.set(one.sequence, one.answer);
    return true;
  }
  const session = world.sessions.get(one.session);
  const call = session?.receives.get(one.sequence);
  if (session === undefined || call === undefined) return false;
  if (reply.kind === "received" && reply.grants.length > 0) {
    if (!allowed(world, reply.grants[0]!, call.keys)) return false;
  } else if (!call.deleted) {
    return false;
  }
  session.receives.delete(one.sequence);
  session.answers.set(one.sequence, one.answer);
  receiveReply(world, name, call, reply);
  return true;
}

export function receiveReply(world: World, name: string, call: Wait, reply: Reply): void {
  if (call.deleted) {
    const reason = reply.kind === "refused" ? reply.refusal.reason : "";
    world.expect(reason === "QUEUE_NOT_FOUND", `receive ${name} from a deleted queue`);
    return;
  }
  if (reply.kind !== "received") {
    world.expect(false, `receive ${name}: ${reply.kind}`);
    return;
  }
  world.expect(reply.grants.length <= call.max, `receive ${name} got too many`);
  const sizes = reply.grants.map(
    ({ lane, keySeq }) => find(call.queue, lane, keySeq)?.body.length ?? 0,
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const fits = !world.equalSizes || bytes <= call.maxBytes || sizes.length === 1;
  world.expect(fits, `receive ${name}: ${bytes} bytes, ${call.maxBytes} at most`);
  for (const grant of reply.grants) {
    const place = `${grant.lane}/${grant.keySeq}`;
    world.expect(allowed(world, grant, call.keys), `receive ${name}: ${place} not allowed`);
    world.expect(grant.consumer === 0, "a receive has no consumer");
    granted(world, grant, call.leaseMs);
  }
}

/** P3: may this message be given to somebody now? */
function grantable(queue: Queue, message: Message): boolean {
  if (message.state !== "ready" || queue.pausedLanes.has(message.lane)) return false;
  const lane = laneOf(queue, message.lane).messages;
  if (lane.find((one) => one.state === "ready") !== message) return false;
  if (queue.options.ordering === "none") return !outranked(queue, message);
  if (lane.some((one) => one.state === "retrying" || one.state === "parked")) return false;
  if (lane.some((one) => one.state === "delayed" && one.number < message.number)) return false;
  const started = (one: Message): boolean => one.begun || one === message;
  const leased = lane.filter((one) => one.state === "leased").length;
  const window = queue.options.maxInFlightPerKey;
  return leased < window && (message.begun || lane.filter(started).length <= window);
}

/** Whether one of a higher priority is there. */
function outranked(queue: Queue, { priority }: Message): boolean {
  for (const [name, { messages }] of queue.lanes) {
    if (queue.pausedLanes.has(name)) continue;
    if (messages.some((one) => one.state === "ready" && one.priority > priority)) return true;
  }
  return false;
}

function allowed(world: World, grant: Grant, keys?: readonly string[]): boolean {
  const queue = world.queues.get(grant.queue);
  const message = find(queue, grant.lane, grant.keySeq);
  const session = world.sessions.get(grant.session);
  if (queue === undefined || message === undefined || session === undefined) return false;
  if (queue.options.paused || !grantable(queue, message)) return false;
  if (grant.consumer === 0) return keys?.includes(message.lane) ?? true;
  const consumer = session.consumers.get(grant.consumer);
  if (!(consumer?.keys?.includes(message.lane) ?? true)) return false;
  return hasCredit(world, session, grant.consumer, queue, "counted");
}

/** `bytes`: only those that certainly count for its bound, or all that it holds. */
function hasCredit(
  world: World,
  session: Session,
  id: number,
  queue: Queue,
  bytes: "counted" | "all",
): boolean {
  const consumer = session.consumers.get(id);
  if (!session.attached || consumer?.queue !== queue) return false;
  let held = 0;
  let heldBytes = 0;
  for (const message of queue.timed) {
    const { state, session: holder, consumer: by } = message;
    if (state !== "leased" || holder !== session.id || by !== id) continue;
    held++;
    heldBytes += bytes === "all" ? message.body.length : message.countedBytes;
  }
  const { credit, creditBytes } = consumer;
  if (held >= credit) return false;
  if (creditBytes === 0) return true;
  if (!world.equalSizes && held > 0) return bytes === "counted";
  return heldBytes < creditBytes;
}

function granted(world: World, grant: Grant, receiveLeaseMs = 0): void {
  const queue = world.queues.get(grant.queue);
  const message = find(queue, grant.lane, grant.keySeq);
  if (queue === undefined || message === undefined) return;
  const name = `grant of ${grant.queue}/${grant.lane}/${grant.keySeq}`;
  const { token } = world;
  world.expect(grant.token > token, `${name}: P5: token ${grant.token} after ${token}`);
  world.token = grant.token;
  become(queue, message, "leased");
  message.token = grant.token;
  message.deliveries++;
  message.begun = true;
  if (message.ended !== "") queue.redelivered[message.ended]++;
  message.session = grant.session;
  message.consumer = grant.consumer;
  world.expect(grant.queueId === queue.id, `${name}: queue id`);
  world.expect(grant.attempts === message.attempts, `${name}: attempts ${grant.attempts}`);
  world.expect(grant.deliveries === message.deliveries, `${name}: deliveries ${grant.deliveries}`);
  world.expect(grant.redelivery === message.ended, `${name}: redelivery ${grant.redelivery}`);
  const consumer = world.sessions.get(grant.session)?.consumers.get(grant.consumer);
  const asked = consumer?.leaseMs ?? receiveLeaseMs;
  const leaseMs = asked === 0 ? queue.options.leaseMs : asked;
  const bounded = consumer !== undefined && consumer.creditBytes > 0;
  // Where sizes differ it is not known from when on there was room: perhaps only since the subscription changed in this entry.
  const isUncertain = bounded && !world.equalSizes;
  world.expect(isUncertain || grant.leaseMs === leaseMs, `${name}: lease of ${grant.leaseMs} ms`);
  message.leaseMs = grant.leaseMs;
  message.deadline = ceil16(world.clock + grant.leaseMs);
  message.countedBytes = bounded && world.equalSizes ? message.body.length : 0;
  tell(world, queue, message, "delivered", grant);
}

/** Whoever wants something that is there must have got it; whoever waited long enough must have been told. */
export function nothingIsLeftUndone(world: World): void {
  for (const queue of world.queues.values()) {
    if (queue.options.paused || queue.depth === 0) continue;
    const wanted = whoWants(world, queue);
    if (wanted.length === 0) continue;
    for (const [name, { messages }] of queue.lanes) {
      if (!wanted.some((keys) => keys?.includes(name) ?? true)) continue;
      // Only the first that is ready can be the next one of its lane.
      const first = messages.find((message) => message.state === "ready");
      const there = first !== undefined && grantable(queue, first);
      const what = `${queue.name}/${name}/${first?.number}`;
      world.expect(!there, `${what}: a message and a consumer wait for each other`);
    }
  }
  for (const session of world.sessions.values()) {
    for (const [sequence, call] of session.receives) {
      const name = `receive ${session.id}/${sequence}`;
      world.expect(!call.deleted, `${name} of a queue that is gone`);
      world.expect(call.deadline > world.clock, `${name} waits too long`);
    }
  }
  world.expect(world.over.size === 0, "a receive was never told that it is over");
}

/** The keys that each of those who could take something wants; undefined: all. */
function whoWants(world: World, queue: Queue): (readonly string[] | undefined)[] {
  const wanted: (readonly string[] | undefined)[] = [];
  for (const session of world.sessions.values()) {
    for (const [id, { keys }] of session.consumers) {
      if (hasCredit(world, session, id, queue, "all")) wanted.push(keys);
    }
    for (const call of session.receives.values()) if (call.queue === queue) wanted.push(call.keys);
  }
  return wanted;
}

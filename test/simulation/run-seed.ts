// One seed: a world in trouble, then a world that is healed, step by step; then its history is judged.

import { checkSums } from "./sums.ts";
import { check } from "./checker.ts";
import type { SimClient } from "./clients.ts";
import type { Counters } from "./counters.ts";
import type { WatchedMachine as Machine } from "./watched-machine.ts";
import { withoutReality } from "./poison.ts";
import { queues, strictQueues } from "./queues.ts";
import { Random } from "../../testing/random.ts";
import { draw, type Plan } from "./swarm.ts";
import { Violation } from "./watch.ts";
import { World } from "./world.ts";

export interface SeedOptions {
  /** Default: the seed decides. */
  readonly nodes?: number | undefined;
  /** Gets every event as a line. */
  readonly onEvent?: ((line: string) => void) | undefined;
}

export interface SeedFailure {
  /** Which invariant, in words. */
  readonly what: string;
  /** The faults, latest last. */
  readonly faults: readonly string[];
  /** The last hundred events. */
  readonly events: readonly string[];
}

export interface SeedResult {
  readonly seed: number;
  readonly plan: Plan;
  readonly failure: SeedFailure | undefined;
  readonly counters: Counters;
  readonly simulatedMs: number;
  readonly steps: number;
}

/** All calls have a bound of half a minute (SDK), and elections some of their own: nothing may take longer than this. */
const answeredMs = 90_000;
const convergedMs = 60_000;
const servedMs = 60_000;

/** Never rejects for what the world does: a failure is in the result. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const random = new Random(seed);
  const plan = draw(random, options.nodes);
  const world = new World(plan, random, options.onEvent);
  let failure: SeedFailure | undefined;
  try {
    await withoutReality(() => live(world));
    judge(world);
  } catch (error) {
    const what =
      error instanceof Violation
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    failure = { what, faults: world.trace.faults.slice(-12), events: world.trace.last() };
  }
  const { counters, time } = world;
  return { seed, plan, failure, counters, simulatedMs: time.now, steps: time.steps };
}

/** What its clients saw, and what its log says of it. @throws {Violation} */
export function judge({ watch, history, deadClients: dead }: World): void {
  checkSums(history, strictQueues);
  const { committed: log, commit, digests } = watch;
  check({ log, commit, digests, history, dead });
}

/** From its beginning to its end. @throws {Violation} */
export async function live(world: World): Promise<void> {
  const { plan, random } = world;
  for (const machine of world.machines.values()) machine.start();
  for (let i = 0; i < plan.clients; i += 1) world.addClient();
  await world.run(random.between(0, 2_000));
  world.faults.begin(plan.faultEveryMs);
  await world.until(() => world.operationsLeft <= 0, plan.troubleMs);
  const isPartly = random.chance(0.5) && isSettled(world);
  world.faults.over();
  world.goesOn = false;
  const alive = await healed(world, isPartly);
  await quiet(world, alive);
  if (isPartly) {
    await converged(world, () => members(world));
    await answered(world, () => members(world));
  }
  await drained(world);
  await answered(world, () => members(world));
}

/** Who runs and is connected now. */
type Alive = () => readonly Machine[];

/** The members that are committed; machines of former members stay away. */
function members(world: World): Machine[] {
  return [...world.machines.values()].filter(({ id }) => world.isMember(id));
}

/** No change of the membership is on its way: what is a quorum is certain. */
function isSettled(world: World): boolean {
  const { commit, membership } = world.watch;
  if (membership.voters.length < 3 || world.operator.isWaiting) return false;
  for (const { log } of world.machines.values())
    for (let index = commit + 1; index <= log.last; index += 1)
      if (log.at(index)?.kind === "membership") return false;
  return [...world.machines.values()].every(({ node, id }) => {
    const known = node?.raftStatus().membership.voters;
    return known === undefined || !world.isMember(id) || known.join() === membership.voters.join();
  });
}

/** A random quorum, or everybody, runs and is connected; the others may stay away. */
async function healed(world: World, isPartly: boolean): Promise<Alive> {
  const all = [...world.machines.values()];
  const { voters } = world.watch.membership;
  const chosen = world.random.shuffled(voters).slice(0, Math.floor(voters.length / 2) + 1);
  // A change may still be on its way: then everybody that there is may be needed.
  const alive = isPartly ? all.filter(({ id }) => chosen.includes(id)) : all;
  for (const machine of all)
    if (!alive.includes(machine) && machine.state !== "down") machine.kill();
  const up = (): boolean => running(alive) && world.leader !== undefined;
  if (!(await world.until(up, convergedMs)))
    throw new Violation(
      `liveness: no leader of ${names(alive)} within ${convergedMs} ms: ${describe(world)}`,
    );
  world.trace.event("healed", names(alive));
  return isPartly ? () => alive : () => members(world);
}

/** Every call is answered, what is alive agrees, and every client is served anew. */
async function quiet(world: World, alive: Alive): Promise<void> {
  await answered(world, alive);
  await converged(world, alive);
  const served = new Set<string>();
  const expected = reaching(world, alive());
  for (const client of expected) {
    void client.served().then(() => served.add(client.name));
  }
  const all = (): boolean => running(alive()) && expected.every(({ name }) => served.has(name));
  const unserved = (): string =>
    expected.flatMap(({ name }) => (served.has(name) ? [] : [name])).join();
  if (!(await world.until(all, servedMs)))
    throw new Violation(
      `liveness: ${unserved()} not served within ${servedMs} ms: ${describe(world)}`,
    );
}

/** One endpoint that lives is enough (client/options.ts), and needed: a drain waits for the cluster for ever. */
function reaching(world: World, alive: readonly Machine[]): readonly SimClient[] {
  return world.clients.filter(({ endpoints }) =>
    alive.some(({ endpoint }) => endpoints.includes(endpoint)),
  );
}

/** R10: no call is left without an answer, wherever the client can reach; and who reaches the cluster can end his consumers. */
async function answered(world: World, alive: Alive): Promise<void> {
  const all = (): boolean =>
    running(alive()) &&
    world.clients.every(({ pending }) => pending === 0) &&
    reaching(world, alive()).every(({ draining }) => draining === 0);
  if (!(await world.until(all, answeredMs)))
    throw new Violation(
      `liveness: R10: calls without an answer after ${answeredMs} ms: ${describe(world)}`,
    );
}

/** All of them have applied what the leader has committed now. */
async function converged(world: World, alive: Alive): Promise<void> {
  let target = 0;
  const equal = (): boolean => {
    const { leader } = world;
    running(alive());
    if (target === 0 && leader?.node !== undefined) target = leader.node.raftStatus().commit;
    return target > 0 && alive().every(({ node }) => (node?.machine.appliedIndex ?? 0) >= target);
  };
  if (!(await world.until(equal, convergedMs)))
    throw new Violation(
      `liveness: I8: ${names(alive())} do not converge on ${target}: ${describe(world)}`,
    );
  for (const machine of alive()) world.watch.lookIntoQueues(machine);
}

/** What is left in the queues can be had, and then nothing is left that could be had. */
async function drained(world: World): Promise<void> {
  const client = world.clients.find(
    (each) =>
      each.client !== undefined && each.endpoints.some((one) => world.endpoints.includes(one)),
  );
  if (client === undefined) return;
  let done = false;
  const drain = async (): Promise<void> => {
    // A message that is settled, or expires, may lead to another one in the dead-letter queue, which is the first.
    for (let round = 0; round < 3; round += 1) {
      for (const { name } of queues) await client.empty(name);
      await world.time.sleep(1_500, client.process);
    }
    for (const { name } of queues) await client.read(name);
    done = true;
  };
  void drain();
  if (!(await world.until(() => running(members(world)) && done, answeredMs)))
    throw new Violation(`liveness: the queues are not emptied: ${describe(world)}`);
  await converged(world, () => members(world));
}

/** Whether they run. An error of a disk may be noticed after the faults are over: somebody starts the node again. */
function running(machines: readonly Machine[]): boolean {
  for (const machine of machines) machine.start();
  return machines.every(({ state, isRetired }) => state === "up" || isRetired);
}

function names(machines: readonly Machine[]): string {
  return machines.map(({ name }) => name).join();
}

function describe(world: World): string {
  const nodes = [...world.machines.values()].map(({ name, state, node, refusal }) => {
    if (node === undefined)
      return `${name} ${state} ${refusal === undefined ? "" : String(refusal)}`;
    const { role, term, commit, last } = node.raftStatus();
    const applied = node.machine.appliedIndex;
    return `${name} ${role} t${term} commit ${commit} last ${last.index} applied ${applied}`;
  });
  const clients = world.clients.map(
    ({ name, role, pending, draining }) => `${name} ${role} ${pending}+${draining}`,
  );
  return [...nodes, ...clients].join(" | ");
}

// The connection between one client and one node: what gRPC would carry, in bytes, with its flow control, over a network that
// may be cut. Order is kept, nothing is lost in the middle: a cut holds everything back, and after too long a silence both
// ends give the connection up.
//   Q1. The end of the node's process reaches its clients at once, unless the network is cut; the loss of power does not.
//   Q2. What a service writes beyond the window waits, and its callback with it; a client that writes more than the node
//       takes is told to wait (R11).
//   Q3. A unary call is answered at most once (R10).

import { EventEmitter } from "node:events";
import type { MethodDefinition } from "@grpc/proto-loader";
import type { ByteStream, Channel, Dial, Failure, UnaryMethod } from "../../client/channel.ts";
import {
  decodeClientFrame,
  decodeError,
  decodeServerFrame,
  errorMetadataKey,
} from "../../proto/frame.ts";
import { adminService, queueService } from "../../proto/load.ts";
import type { History } from "./history.ts";
import type { Network } from "./network.ts";
import type { Process, SimClock, Time } from "./time.ts";
import type { Trace } from "./trace.ts";

type UnaryHandler = (
  call: { readonly request: object },
  done: (error: object | null, reply?: object) => void,
) => void;
type StreamHandler = (call: ServerStream) => void;
export type Services = Readonly<Record<string, UnaryHandler | StreamHandler>>;

/** What listens for clients on one machine. */
export interface Listener {
  readonly name: string;
  readonly process: Process;
  /** undefined: nobody listens, the connection is refused. */
  readonly services: Services | undefined;
  /** The machine has no power: nobody even refuses. */
  readonly isDark: boolean;
}

export interface CallWorld {
  readonly time: Time;
  readonly network: Network;
  readonly trace: Trace;
  /** Bytes under way in each direction of a stream before the writer waits. */
  readonly windowBytes: number;
  listener(endpoint: string): Listener | undefined;
  /** What is said on the wire is written down here. */
  readonly history: History;
  readonly violated: (what: string) => void;
}

/** Silence after which a client gives a connection up (client/channel.ts: 10 s and 3 s). */
const keepAliveMs = 13_000;

const methods = { ...queueService, ...adminService } as unknown as Record<
  string,
  MethodDefinition<object, object>
>;

const code = { ok: 0, cancelled: 1, unknown: 2, deadline: 4, unavailable: 14 } as const;

function refusedConnection(endpoint: string): Failure {
  return {
    code: code.unavailable,
    message: `No connection established. Last error: connect ECONNREFUSED ${endpoint}`,
    error: undefined,
    neverSent: true,
  };
}

const lost: Failure = { code: code.unavailable, message: "Connection dropped", error: undefined };

/** One direction of a connection: in order, late, and not at all while the network is cut. */
class Pipe {
  readonly #world: CallWorld;
  readonly #from: string;
  readonly #to: string;
  readonly #receiver: Process;
  #lastAt = 0;
  #waiting: (() => void)[] = [];
  #isHeld = false;
  closed = false;

  constructor(world: CallWorld, from: string, to: string, receiver: Process) {
    this.#world = world;
    this.#from = from;
    this.#to = to;
    this.#receiver = receiver;
  }

  send(run: () => void): void {
    if (this.closed) return;
    if (this.#isHeld) {
      this.#waiting.push(run);
      return;
    }
    const { network, time } = this.#world;
    network.through(this.#from, this.#to, () => {
      const at = Math.max(this.#lastAt, time.now + network.delay(this.#from, this.#to));
      this.#lastAt = at;
      time.at(at, this.#receiver, () => this.#arrive(run));
    });
  }

  #arrive(run: () => void): void {
    if (this.closed) return;
    if (this.#isHeld || this.#world.network.isCut(this.#from, this.#to)) {
      this.#waiting.push(run);
      if (!this.#isHeld) this.#hold();
      return;
    }
    run();
  }

  #hold(): void {
    this.#isHeld = true;
    const { network } = this.#world;
    network.onHeal(() => {
      if (network.isCut(this.#from, this.#to)) {
        this.#hold();
        return;
      }
      this.#isHeld = false;
      for (const run of this.#waiting.splice(0)) this.send(run);
    });
  }
}

/** Both ends of one call. */
abstract class Call {
  protected readonly world: CallWorld;
  protected readonly client: Process;
  protected readonly listener: Listener;
  protected readonly up: Pipe;
  protected readonly down: Pipe;
  readonly serverLife: number;
  readonly clientLife: number;
  isOver = false;

  constructor(world: CallWorld, client: Process, listener: Listener) {
    this.world = world;
    this.client = client;
    this.listener = listener;
    this.serverLife = listener.process.life;
    this.clientLife = client.life;
    this.up = new Pipe(world, client.name, listener.name, listener.process);
    this.down = new Pipe(world, listener.name, client.name, client);
  }

  get serverName(): string {
    return this.listener.name;
  }

  get clientName(): string {
    return this.client.name;
  }

  protected services(): Services | undefined {
    if (this.listener.process.life !== this.serverLife) return undefined;
    return this.listener.services;
  }

  /** The node's process has ended (Q1). */
  serverEnded(): void {
    this.down.send(() => this.failed(lost));
  }

  clientEnded(): void {
    this.up.send(() => this.cancelled());
  }

  /** Both ends find out. */
  broken(): void {
    const { time } = this.world;
    this.up.closed = true;
    this.down.closed = true;
    time.after(0, this.client, () => this.failed(lost));
    time.after(0, this.listener.process, () => this.cancelled());
  }

  protected abstract failed(failure: Failure): void;
  protected abstract cancelled(): void;
}

class UnaryCall extends Call {
  readonly #settle: (failure: Failure | undefined, reply: Buffer | undefined) => void;

  constructor(
    world: CallWorld,
    client: Process,
    listener: Listener,
    method: string,
    request: Buffer,
    settle: (failure: Failure | undefined, reply: Buffer | undefined) => void,
  ) {
    super(world, client, listener);
    this.#settle = settle;
    const definition = methods[method];
    if (definition === undefined) throw new Error(`queue.proto has no ${method}`);
    this.up.send(() => {
      const handler = this.services()?.[method] as UnaryHandler | undefined;
      if (handler === undefined) {
        this.down.send(() => this.#finish(refusedConnection(listener.name), undefined));
        return;
      }
      let answers = 0;
      handler({ request: definition.requestDeserialize(request) }, (error, reply) => {
        answers += 1;
        if (answers > 1) world.violated(`Q3: ${method} was answered ${answers} times`);
        if (this.listener.process.life !== this.serverLife) return;
        const bytes = error === null ? definition.responseSerialize(reply ?? {}) : undefined;
        const failure = error === null ? undefined : failureOf(error);
        this.down.send(() => this.#finish(failure, bytes));
      });
    });
  }

  #finish(failure: Failure | undefined, reply: Buffer | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#settle(failure, reply);
  }

  failed(failure: Failure): void {
    this.#finish(failure, undefined);
  }

  protected cancelled(): void {
    // The services do not look whether anybody still waits.
  }
}

interface StreamHandlers {
  readonly onBytes: (bytes: Buffer) => void;
  readonly onRoom: () => void;
  readonly onEnd: (failure: Failure) => void;
}

class StreamCall extends Call implements ByteStream {
  readonly #handlers: StreamHandlers;
  #server: ServerStream | undefined;
  /** Bytes that the node has not taken. */
  #untakenBytes = 0;
  #wantsRoom = false;
  #session = 0;

  constructor(world: CallWorld, client: Process, listener: Listener, handlers: StreamHandlers) {
    super(world, client, listener);
    this.#handlers = handlers;
    this.up.send(() => {
      const handler = this.services()?.["Connect"] as StreamHandler | undefined;
      if (handler === undefined) {
        this.down.send(() => this.failed(refusedConnection(listener.name)));
        return;
      }
      this.#server = new ServerStream(world, listener.process, {
        deliver: (bytes, taken) => this.down.send(() => this.#deliver(bytes, taken)),
        end: (failure) => this.down.send(() => this.failed(failure)),
        took: (bytes) => this.down.send(() => this.#took(bytes)),
      });
      handler(this.#server);
    });
  }

  write(bytes: Buffer): boolean {
    if (this.isOver) return true;
    // Its own copy: the writer's buffer may be used again.
    const copy = Buffer.from(bytes);
    this.#untakenBytes += copy.length;
    this.#writeDown(copy);
    this.up.send(() => this.#server?.receive(copy));
    this.#wantsRoom ||= this.#untakenBytes > this.world.windowBytes;
    return this.#untakenBytes <= this.world.windowBytes;
  }

  #writeDown(frame: Buffer): void {
    const { history, time } = this.world;
    const { attach, commands } = decodeClientFrame(frame);
    if (attach !== undefined) this.#session = Number(attach.sessionId.split(":")[1]);
    for (const command of commands) history.said(this.#session, command, time.steps);
  }

  cancel(): void {
    this.clientEnded();
    this.world.time.after(0, this.client, () =>
      this.failed({ code: code.cancelled, message: "Cancelled on client", error: undefined }),
    );
  }

  #deliver(bytes: Buffer, taken: () => void): void {
    if (this.isOver) return;
    const { history, time } = this.world;
    for (const reply of decodeServerFrame(bytes).replies)
      history.heard(this.#session, reply, time.steps);
    this.#handlers.onBytes(bytes);
    this.up.send(taken);
  }

  #took(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (this.isOver || !this.#wantsRoom || this.#untakenBytes > this.world.windowBytes / 2) return;
    this.#wantsRoom = false;
    this.#handlers.onRoom();
  }

  failed(failure: Failure): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handlers.onEnd(failure);
  }

  protected cancelled(): void {
    this.#server?.cancel();
  }
}

interface Wire {
  deliver(bytes: Buffer, taken: () => void): void;
  end(failure: Failure): void;
  took(bytes: number): void;
}

/** The node's end of a stream, in the shape of grpc-js' ServerDuplexStream. */
class ServerStream extends EventEmitter {
  readonly #world: CallWorld;
  readonly #process: Process;
  readonly #life: number;
  readonly #wire: Wire;
  readonly #incoming: Buffer[] = [];
  #paused = false;
  #flowing = false;
  /** Frames beyond the window, and who wants to know when they left (Q2). */
  readonly #outgoing: { bytes: Buffer; sent: (() => void) | undefined }[] = [];
  #underWayBytes = 0;
  #end: Failure | undefined;
  #over = false;

  constructor(world: CallWorld, process: Process, wire: Wire) {
    super();
    this.#world = world;
    this.#process = process;
    this.#life = process.life;
    this.#wire = wire;
  }

  get #isDead(): boolean {
    return this.#over || this.#process.life !== this.#life;
  }

  receive(bytes: Buffer): void {
    if (this.#isDead) return;
    this.#incoming.push(bytes);
    this.#flow();
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    if (!this.#flowing) this.#world.time.soon(this.#process, () => this.#flow());
    return this;
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    while (!this.#paused && !this.#isDead) {
      const next = this.#incoming.shift();
      if (next === undefined) break;
      this.#wire.took(next.length);
      super.emit("data", next);
    }
    this.#flowing = false;
  }

  write(bytes: Buffer, sent?: () => void): boolean {
    if (this.#isDead || this.#end !== undefined) return false;
    this.#outgoing.push({ bytes: Buffer.from(bytes), sent });
    this.#push();
    return this.#outgoing.length === 0;
  }

  #push(): void {
    while (this.#underWayBytes < this.#world.windowBytes) {
      const next = this.#outgoing.shift();
      if (next === undefined) break;
      const { bytes, sent } = next;
      this.#underWayBytes += bytes.length;
      this.#wire.deliver(bytes, () => {
        this.#underWayBytes -= bytes.length;
        this.#push();
      });
      if (sent !== undefined) this.#world.time.soon(this.#process, sent);
    }
    if (this.#end === undefined || this.#outgoing.length > 0 || this.#over) return;
    this.#over = true;
    this.#wire.end(this.#end);
  }

  end(): this {
    this.#finish({
      code: code.unavailable,
      message: "the server ended the stream",
      error: undefined,
    });
    return this;
  }

  /** As in grpc-js: an `error` that is emitted becomes the status of the call. */
  override emit(event: string, ...args: unknown[]): boolean {
    if (event === "error") this.#finish(failureOf(args[0] as object));
    return this.listenerCount(event) > 0 && super.emit(event, ...args);
  }

  #finish(failure: Failure): void {
    this.#end ??= failure;
    this.#push();
  }

  cancel(): void {
    if (this.#isDead) return;
    this.#over = true;
    super.emit("cancelled");
    super.emit("close");
  }
}

function failureOf(error: object): Failure {
  const {
    code: status = code.unknown,
    details = "",
    metadata,
  } = error as {
    code?: number;
    details?: string;
    metadata?: { get(key: string): (string | Buffer)[] };
  };
  const value = metadata?.get(errorMetadataKey)[0];
  const typed = Buffer.isBuffer(value) ? decodeError(value) : undefined;
  return { code: status, message: details, error: typed };
}

/** All calls of the world, for those events that end many of them. */
export class Calls {
  readonly #world: CallWorld;
  #open = new Set<Call>();
  #sweepAt = 64;

  constructor(world: CallWorld) {
    this.#world = world;
  }

  dial(client: Process, clock: SimClock): Dial {
    return (endpoint) => new SimChannel(this.#world, this, client, clock, endpoint);
  }

  opened(call: Call): void {
    this.#open.add(call);
    if (this.#open.size < this.#sweepAt) return;
    for (const each of this.#open) if (each.isOver) this.#open.delete(each);
    this.#sweepAt = 64 + 2 * this.#open.size;
  }

  #each(of: (call: Call) => boolean, run: (call: Call) => void): void {
    for (const call of [...this.#open]) if (!call.isOver && of(call)) run(call);
  }

  serverEnded(process: Process, life: number, isDark: boolean): void {
    const { time } = this.#world;
    const of = (call: Call): boolean =>
      call.serverName === process.name && call.serverLife === life;
    if (!isDark) this.#each(of, (call) => call.serverEnded());
    else time.after(keepAliveMs, undefined, () => this.#each(of, (call) => call.broken()));
  }

  clientEnded(process: Process, life: number): void {
    this.#each(
      (call) => call.clientName === process.name && call.clientLife === life,
      (call) => {
        call.isOver = true;
        call.clientEnded();
      },
    );
  }

  /** As a middlebox that forgets, or a reset. */
  break(client: string, server: string): void {
    this.#each(
      (call) => call.clientName === client && call.serverName === server,
      (call) => call.broken(),
    );
  }

  /** A cut was made: whoever hears nothing for too long gives up. */
  cut(client: string, server: string): void {
    const { time, network } = this.#world;
    const number = network.cutNumber(client, server) ?? network.cutNumber(server, client);
    time.after(keepAliveMs, undefined, () => {
      const still = network.cutNumber(client, server) ?? network.cutNumber(server, client);
      if (still !== undefined && still === number) this.break(client, server);
    });
  }
}

class SimChannel implements Channel {
  readonly endpoint: string;
  readonly #world: CallWorld;
  readonly #calls: Calls;
  readonly #client: Process;
  readonly #clock: SimClock;
  readonly #open = new Set<Call & { failed(failure: Failure): void }>();

  constructor(world: CallWorld, calls: Calls, client: Process, clock: SimClock, endpoint: string) {
    this.#world = world;
    this.#calls = calls;
    this.#client = client;
    this.#clock = clock;
    this.endpoint = endpoint;
  }

  unary(
    method: UnaryMethod,
    request: object,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<object> {
    const definition = methods[method];
    if (definition === undefined) throw new Error(`queue.proto has no ${method}`);
    const bytes = definition.requestSerialize(request);
    const { history, time } = this.#world;
    const from = time.steps;
    return new Promise((resolve, reject) => {
      const settle = (failure: Failure | undefined, reply: Buffer | undefined): void => {
        timer.cancel();
        signal?.removeEventListener("abort", abort);
        if (call !== undefined) this.#open.delete(call);
        const answer = reply === undefined ? undefined : definition.responseDeserialize(reply);
        this.#world.trace.event("call", this.#client.name, method, this.endpoint, failure?.message);
        if (method === "GetQueue" && answer !== undefined)
          history.read(this.#client.name, request, answer, from, time.steps);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- Channel.unary rejects with a Failure
        if (answer === undefined) reject(failure);
        else resolve(answer);
      };
      const fail = (status: number, message: string): void => {
        const failure = { code: status, message, error: undefined };
        if (call === undefined) settle(failure, undefined);
        else call.failed(failure);
      };
      const abort = (): void => fail(code.cancelled, "Cancelled on client");
      const timer = this.#clock.after(deadlineMs, () =>
        fail(code.deadline, `Deadline exceeded after ${deadlineMs} ms`),
      );
      const listener = this.#listener();
      let call: UnaryCall | undefined;
      if (listener !== undefined) {
        call = new UnaryCall(this.#world, this.#client, listener, method, bytes, settle);
        this.#open.add(call);
        this.#calls.opened(call);
      }
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted === true) this.#clock.after(0, abort);
    });
  }

  connect(handlers: StreamHandlers): ByteStream {
    const listener = this.#listener();
    // Nobody answers, not even with a refusal: the caller's own watchdog ends it.
    if (listener === undefined) return { write: () => true, cancel: () => undefined };
    const call = new StreamCall(this.#world, this.#client, listener, handlers);
    this.#open.add(call);
    this.#calls.opened(call);
    return call;
  }

  close(): void {
    const failure = { code: code.cancelled, message: "the channel is closed", error: undefined };
    for (const call of this.#open) {
      if (call.isOver) continue;
      call.clientEnded();
      this.#clock.after(0, () => call.failed(failure));
    }
    this.#open.clear();
  }

  #listener(): Listener | undefined {
    const listener = this.#world.listener(this.endpoint);
    return listener === undefined || listener.isDark ? undefined : listener;
  }
}

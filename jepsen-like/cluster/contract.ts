// What the rest of jepsen-like knows of a cluster under test: real processes, their directories, and what they say of themselves.

/** How the nodes of a cluster are started; a fault mechanism wraps the command (strace, a namespace, a faked clock). */
export type Launcher = (nodeId: number, command: Command) => Command;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What one node says of itself (GetCluster). */
export interface View {
  readonly nodeId: number;
  readonly role: string;
  readonly term: number;
  readonly leaderId: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Rolling digest of every outcome up to `appliedIndex`: equal on all nodes at an equal index (R9). */
  readonly digest: string;
  readonly members: readonly { readonly nodeId: number; readonly isVoter: boolean }[];
}

/** A process that ended without having been told to. */
export interface Death {
  readonly nodeId: number;
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly time: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastLines: readonly string[];
}

export interface Cluster {
  /** Members now, by number; a number is used once. */
  readonly nodeIds: readonly number[];
  /** host:port as clients are to dial them: the network's proxies. */
  readonly endpoints: readonly string[];
  readonly deaths: readonly Death[];

  isRunning(id: number): boolean;
  /** undefined while it is down. */
  pid(id: number): number | undefined;
  dataDirectory(id: number): string;
  logFile(id: number): string;

  /** Starts a node that is down; resolves when it answers, to false when it ended by itself instead (within `timeoutMs`). */
  start(id: number, timeoutMs?: number): Promise<boolean>;
  kill(id: number): Promise<void>;
  /** SIGTERM; resolves when the process is gone. */
  stop(id: number): Promise<void>;
  pause(id: number): void;
  resume(id: number): void;
  /** From the next start on. */
  setLauncher(launcher: Launcher | undefined): void;

  /** What one node says; undefined when it does not answer in time. Asked past the proxies: this is the observer's own line. */
  observe(id: number): Promise<View | undefined>;
  /** Of those that say it of themselves the one of the highest term; waits. Undefined: none within `timeoutMs`. */
  leader(timeoutMs?: number): Promise<number | undefined>;

  /** A new node with a new number, as a voter. */
  add(): Promise<number>;
  /** Removes a member and ends its process. */
  remove(id: number): Promise<void>;
  transferLeadership(to: number): Promise<void>;

  /** Ends every process. */
  close(): Promise<void>;
}

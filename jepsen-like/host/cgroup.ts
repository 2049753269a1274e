// A control group for one process, of version 1 or 2, whichever the host has.
//   CG1. In version 1 it lies below the group of this process, so that nothing leaves what was meant to hold it; in version 2 a group
//        with processes cannot have limited children, and it lies at the top.
//   CG2. Removing it first moves its processes back.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hold, nameOf, release } from "./leftovers.ts";

type Controller = "cpu" | "memory";

const top = "/sys/fs/cgroup";
const periodUs = 100_000;
const removeTries = 50;

export class Group {
  readonly #path: string;
  readonly #parent: string;
  readonly #version: 1 | 2;

  private constructor(path: string, parent: string, version: 1 | 2) {
    this.#path = path;
    this.#parent = parent;
    this.#version = version;
  }

  /** @throws where it cannot be had: no control groups, not root. */
  static make(controller: Controller, name: string): Promise<Group> {
    return Promise.resolve().then(() => {
      const { parent, version } = home(controller);
      const path = join(parent, nameOf(name));
      mkdirSync(path, { recursive: true });
      const group = new Group(path, parent, version);
      hold(path, () => group.#removeNow());
      return group;
    });
  }

  /** The file that takes new processes. */
  get members(): string {
    return join(this.#path, "cgroup.procs");
  }

  add(pid: number): Promise<void> {
    return this.#write("cgroup.procs", pid);
  }

  async limitCpu(percent: number): Promise<void> {
    const quota = Math.round((periodUs * percent) / 100);
    if (this.#version === 2) {
      await this.#write("cpu.max", `${quota} ${periodUs}`);
      return;
    }
    await this.#write("cpu.cfs_period_us", periodUs);
    await this.#write("cpu.cfs_quota_us", quota);
  }

  /** Periods of 100 ms in which it had to wait. */
  throttled(): Promise<number> {
    return Promise.resolve(Number(/^nr_throttled (\d+)/m.exec(this.#read("cpu.stat"))?.[1] ?? 0));
  }

  /** Bytes that count for the group. */
  memoryUsed(): number {
    return Number(this.#read(this.#version === 2 ? "memory.current" : "memory.usage_in_bytes"));
  }

  /** False: more is in use than can be freed, and version 1 refuses such a limit. */
  limitMemory(bytes: number): Promise<boolean> {
    const file = this.#version === 2 ? "memory.max" : "memory.limit_in_bytes";
    return this.#write(file, bytes).then(
      () => true,
      () => false,
    );
  }

  /** Processes that the kernel ended for want of memory. */
  outOfMemory(): number {
    const text = this.#read(this.#version === 2 ? "memory.events" : "memory.oom_control");
    return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
  }

  /** CG2. */
  async remove(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#removeNow();
        break;
      } catch (error) {
        // A process that was killed leaves its group a moment later.
        if (attempt === removeTries) throw error;
        await sleep(20);
      }
    }
    release(this.#path);
  }

  #removeNow(): void {
    if (!existsSync(this.#path)) return;
    for (const pid of this.#read("cgroup.procs").split("\n").filter(Boolean)) {
      try {
        writeFileSync(join(this.#parent, "cgroup.procs"), pid);
      } catch {
        // It ended.
      }
    }
    rmdirSync(this.#path);
  }

  #read(file: string): string {
    return readFileSync(join(this.#path, file), "utf8");
  }

  #write(file: string, value: string | number): Promise<void> {
    return Promise.resolve().then(() => writeFileSync(join(this.#path, file), String(value)));
  }
}

/** CG1. */
function home(controller: Controller): { readonly parent: string; readonly version: 1 | 2 } {
  const controllers = join(top, "cgroup.controllers");
  if (existsSync(controllers)) {
    if (!readFileSync(controllers, "utf8").split(/\s/).includes(controller))
      throw new Error(`no controller for ${controller}`);
    const delegated = join(top, "cgroup.subtree_control");
    if (!readFileSync(delegated, "utf8").split(/\s/).includes(controller))
      writeFileSync(delegated, `+${controller}`);
    return { parent: top, version: 2 };
  }
  for (const line of readFileSync("/proc/self/cgroup", "utf8").split("\n")) {
    const [, names = "", path = ""] = line.split(":");
    if (!names.split(",").includes(controller)) continue;
    const parent = [join(top, controller, path), join(top, names, path)].find((at) =>
      existsSync(at),
    );
    if (parent !== undefined) return { parent, version: 1 };
  }
  throw new Error(`no control group for ${controller}`);
}

/** Undefined: a group can be made here. */
export async function whyNoGroup(controller: Controller): Promise<string | undefined> {
  try {
    const group = await Group.make(controller, `probe-${controller}`);
    await group.remove();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

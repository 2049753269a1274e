// While a world runs, nothing in this process may look at the real clock, draw real random numbers or set a real timer: a
// use is an error that names it. The scheduler itself uses none of them (time.ts T1).

import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { performance } from "node:perf_hooks";

/** Something real was used within a simulated world. */
export class NotSimulated extends Error {
  override readonly name = "NotSimulated";
}

function forbidden(name: string): () => never {
  return () => {
    throw new NotSimulated(`${name} was used inside a simulated world`);
  };
}

const places: readonly (readonly [object, string, readonly string[]])[] = [
  [Date, "Date", ["now"]],
  [Math, "Math", ["random"]],
  [performance, "performance", ["now"]],
  [process, "process", ["hrtime", "uptime"]],
  [globalThis, "globalThis", ["setTimeout", "setInterval", "setImmediate", "fetch"]],
  [crypto, "crypto", ["randomUUID", "randomBytes", "randomInt", "randomFillSync", "randomFill"]],
];

/** Runs `world` with everything real made an error; real again afterwards. Only for worlds that use the event loop's ticks. */
export async function withoutReality<T>(world: () => Promise<T>): Promise<T> {
  const restore: (() => void)[] = [];
  for (const [object, name, members] of places) {
    for (const member of members) {
      const before = Object.getOwnPropertyDescriptor(object, member);
      const value = forbidden(`${name}.${member}`);
      Object.defineProperty(object, member, { value, configurable: true, writable: true });
      restore.push(() => {
        if (before === undefined) Reflect.deleteProperty(object, member);
        else Object.defineProperty(object, member, before);
      });
    }
  }
  const RealDate = globalThis.Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[]) => {
      if (args.length === 0) forbidden("new Date()")();
      return Reflect.construct(target, args) as Date;
    },
    apply: forbidden("Date()"),
  });
  restore.push(() => (globalThis.Date = RealDate));
  syncBuiltinESMExports();
  try {
    return await world();
  } finally {
    for (const undo of restore.reverse()) undo();
    syncBuiltinESMExports();
  }
}

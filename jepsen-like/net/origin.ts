// Who dialled? An address that several nodes share says nothing of who comes, but the kernel knows which process has the other
// end of a connection on this host. Linux only; elsewhere nobody is recognised.
//   OR1. The kernel's table is long when connections come and go, and slow to read: it is read in slices, once for all who ask
//        meanwhile. What waited for it as a whole would make the proxies late, which no fault asked for.
//   OR2. The kernel hands out a page at a time, hundreds of them: a turn of the event loop for each would take seconds where the
//        processor is busy, and whoever dialled would not wait so long.

import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";

/** Of 127.0.0.1 in the byte order of x86 and ARM, as the kernel prints it. */
const loopback = " 0100007F:";
const listening = "0A";

const sliceMs = 4;
const pageBytes = 4_096;

async function readTable(): Promise<Buffer> {
  const pages: Buffer[] = [];
  const file = openSync("/proc/net/tcp", "r");
  try {
    let end = performance.now() + sliceMs;
    for (;;) {
      const page = Buffer.allocUnsafe(pageBytes);
      const bytes = readSync(file, page);
      if (bytes === 0) return Buffer.concat(pages);
      pages.push(page.subarray(0, bytes));
      if (performance.now() < end) continue;
      await new Promise((resolve) => setImmediate(resolve));
      end = performance.now() + sliceMs;
    }
  } finally {
    closeSync(file);
  }
}

let reading: Promise<Buffer> | undefined;
let next: Promise<Buffer> | undefined;

/** As it is after this call: one that is being read already may lack what happened since. */
async function table(): Promise<Buffer> {
  const running = reading;
  next ??= (async () => {
    await running?.catch(() => undefined);
    next = undefined;
    reading = readTable();
    return await reading;
  })();
  return await next;
}

/**
 * Which of the processes has the local socket 127.0.0.1:`port`. Keys: whatever the caller knows the processes by.
 * @param pids asked when the table was read.
 */
export async function ownerOf(
  port: number,
  pids: () => ReadonlyMap<number, number>,
): Promise<number | undefined> {
  const inode = inodeIn(await table().catch(() => Buffer.alloc(0)), port);
  if (inode === undefined) return undefined;
  const link = `socket:[${inode}]`;
  for (const [id, pid] of pids()) if (hasOpen(pid, link)) return id;
  return undefined;
}

/** Lines are "sl local_address rem_address st … inode", addresses as hexadecimal IP:PORT. */
function inodeIn(lines: Buffer, port: number): string | undefined {
  const local = `${loopback}${port.toString(16).toUpperCase().padStart(4, "0")} `;
  for (let at = lines.indexOf(local); at >= 0; at = lines.indexOf(local, at + 1)) {
    const line = lines.toString("latin1", at, lines.indexOf("\n", at));
    const [own, , state, ...rest] = line.trim().split(/\s+/);
    const inode = rest[5];
    // The same address as that of the other end of some connection is in the next column.
    if (own === undefined || !isOwnColumn(lines, at) || state === listening) continue;
    if (inode !== undefined && inode !== "0") return inode;
  }
  return undefined;
}

/** The first address of a line follows its number and a colon. */
function isOwnColumn(lines: Buffer, at: number): boolean {
  return lines[at - 1] === ":".charCodeAt(0);
}

function hasOpen(pid: number, link: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === link;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

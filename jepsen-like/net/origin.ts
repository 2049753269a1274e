// Who dialled? An address that several nodes share says nothing of who comes, but the kernel knows which process has the other
// end of a connection on this host. Linux only; elsewhere nobody is recognised.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Which of the processes has the local socket 127.0.0.1:`port`. Keys: whatever the caller knows the processes by. */
export function ownerOf(port: number, pids: ReadonlyMap<number, number>): number | undefined {
  const inode = inodeOf(port);
  if (inode === undefined) return undefined;
  const link = `socket:[${inode}]`;
  for (const [id, pid] of pids) if (hasOpen(pid, link)) return id;
  return undefined;
}

/** /proc/net/tcp: "sl local_address rem_address st … inode", addresses as hexadecimal IP:PORT. */
function inodeOf(port: number): string | undefined {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  try {
    for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const isListening = fields[3] === "0A";
      if (fields[1]?.endsWith(local) === true && !isListening && fields[9] !== "0")
        return fields[9];
    }
  } catch {
    return undefined;
  }
  return undefined;
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

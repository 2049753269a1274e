// What the simulated disk fails with, in the shape of a system error.

export function diskError(code: "EIO" | "ENOSPC" | "ENOENT" | "EBADF", path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code });
}

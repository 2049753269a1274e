// Taking the power from mounted file systems, at once, by the ioctl that ext4 has for it.
//   PW1. A script that has all of them open waits for a word: between the word and the cut lies one system call per disk.
// Node.js has no ioctl; perl is on every Debian, python3 on most others.

import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { missing, searchPath } from "./command.ts";

/** EXT4_IOC_SHUTDOWN: _IOR('X', 125, __u32); 2 is NOLOGFLUSH: the journal is not flushed first. */
const perl = `
  my @open = map { open(my $d, "<", $_) or die "open $_: $!\\n"; $d } @ARGV;
  $| = 1; print "armed\\n"; <STDIN>;
  for my $d (@open) { my $flags = pack("L", 2); ioctl($d, 0x8004587D, $flags) or die "shutdown: $!\\n"; }
`;
const python = `
import fcntl, os, struct, sys
disks = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
print("armed", flush=True)
sys.stdin.readline()
for disk in disks: fcntl.ioctl(disk, 0x8004587D, struct.pack("I", 2))
`;

/** What can make the call here; undefined: nothing. */
async function interpreter(): Promise<{ file: string; args: string[] } | undefined> {
  if ((await missing("perl")) === undefined) return { file: "perl", args: ["-e", perl] };
  if ((await missing("python3")) === undefined) return { file: "python3", args: ["-c", python] };
  return undefined;
}

export async function whyNoCut(): Promise<string | undefined> {
  return (await interpreter()) === undefined ? "neither perl nor python3 is installed" : undefined;
}

export interface ArmedCut {
  /** Resolves when the power is gone. @throws when a file system does not know the call. */
  cut(): Promise<void>;
  /** It will not be needed. */
  disarm(): void;
}

/** PW1. */
export async function armCut(mountPoints: readonly string[]): Promise<ArmedCut> {
  const with_ = await interpreter();
  if (with_ === undefined) throw new Error("neither perl nor python3 is installed");
  const env = { ...process.env, PATH: searchPath };
  const child = spawn(with_.file, [...with_.args, ...mountPoints], { env });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => (complaint += text.toString()));
  child.stdin.on("error", () => undefined);
  const ended = endOf(child);
  const armed = once(child.stdout, "data").then(() => true);
  if (!(await Promise.race([armed, ended.then(() => false)])))
    throw new Error(`power cannot be cut: ${complaint.trim()}`);
  return {
    cut: async () => {
      child.stdin.end("\n");
      if ((await ended) !== 0) throw new Error(`power was not cut: ${complaint.trim()}`);
    },
    disarm: () => void child.kill("SIGKILL"),
  };
}

export async function cutPower(mountPoints: readonly string[]): Promise<void> {
  await (await armCut(mountPoints)).cut();
}

function endOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", (code) => resolve(code));
  });
}

// Runs the Python client of this folder, if this machine has what it needs.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const python = "/usr/bin/python3";
const script = fileURLToPath(new URL("client.py", import.meta.url));
const proto = fileURLToPath(new URL("../../proto/queue.proto", import.meta.url));

export interface InteropResult {
  /** Why it did not run. */
  readonly skipped?: string;
  /** What the client printed. */
  readonly output: string;
}

/** The whole API of a running cluster, from Python. Rejects with the client's output when something surprised it. */
export async function runInterop(endpoints: readonly string[]): Promise<InteropResult> {
  return (await missing()) ?? { output: await run(["cluster", proto, ...endpoints], "") };
}

/** Serialized messages, parsed and serialized again by Python's protobuf. `frames`: type and bytes. */
export async function reserialize(
  frames: readonly (readonly [type: string, bytes: Uint8Array])[],
): Promise<InteropResult> {
  const lines = frames.map(([type, bytes]) => `${type} ${Buffer.from(bytes).toString("hex")}\n`);
  return (await missing()) ?? { output: await run(["frames", proto], lines.join("")) };
}

async function missing(): Promise<InteropResult | undefined> {
  try {
    await execute(["-c", "import grpc, grpc_tools"], "");
    return undefined;
  } catch {
    const skipped = `${python} lacks grpc or grpc_tools: apt-get install python3-grpcio python3-grpc-tools`;
    return { skipped, output: "" };
  }
}

function run(args: readonly string[], input: string): Promise<string> {
  return execute([script, ...args], input);
}

function execute(args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // A proxy from the environment is for the world outside, not for 127.0.0.1.
    const env = { ...process.env, no_proxy: "*", PYTHONDONTWRITEBYTECODE: "1" };
    const child = execFile(
      python,
      args,
      { env, timeout: 90_000, maxBuffer: 16 * 1_048_576 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${error.message}\n${stdout}${stderr}`));
      },
    );
    child.stdin?.end(input);
  });
}

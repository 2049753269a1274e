// The `raftq` binary, behind raftq.cts.

import { run } from "./program.ts";

// `raftq receive … | head` ends the reader first: that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));

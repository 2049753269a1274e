// `npm run check -- fifo FILE`

import { once } from "node:events";
import { run } from "./program.ts";

// Whoever reads may stop reading: `npm run check … | head`.
process.stdout.on("error", () => process.exit());
process.exitCode = await run(process.argv.slice(2), {
  print: async (text) => {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  },
  complain: (text) => void process.stderr.write(text),
});

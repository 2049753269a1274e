// tsc does not copy .proto files: the built loader reads them beside itself.
import { cpSync, mkdirSync, readdirSync } from "node:fs";
const from = new URL("./", import.meta.url);
const to = new URL("../dist/proto/", import.meta.url);
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from))
  if (name.endsWith(".proto")) cpSync(new URL(name, from), new URL(name, to));

#!/usr/bin/env node
// The file that people run. CommonJS, because libuv reads the size of its pool once, at its first use, and on Node 20 loading
// the first ES module is that use. RocksDB and fdatasync share the pool: a call that hangs must not starve the others (I5).
process.env["UV_THREADPOOL_SIZE"] ??= "16";
void import("./main.js");

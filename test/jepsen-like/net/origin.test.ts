// Who dialled: the kernel's table of connections, against sockets that are known.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownerOf } from "../../../jepsen-like/net/origin.ts";

const isLinux = process.platform === "linux";
const ends: Socket[] = [];
const server = createServer((socket) => ends.push(socket));
let port = 0;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.close();
  for (const end of ends) end.destroy();
});

async function dial(): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", family: 4 });
  await once(socket, "connect");
  return socket;
}

test.skipIf(!isLinux)(
  "each connection is of the process that dialled, also among many",
  async () => {
    const program = `require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
    const own: Socket[] = [];
    try {
      const [fromChild] = (await once(server, "connection")) as [Socket];
      own.push(...(await Promise.all(Array.from({ length: 50 }, dial))));
      const pids = () =>
        new Map([
          [7, process.pid],
          [8, child.pid ?? 0],
        ]);
      expect(await ownerOf(fromChild.remotePort ?? 0, pids)).toBe(8);
      const dialled = own.map((socket) => socket.localPort ?? 0);
      // All at once: they share what is read (OR1).
      expect(await Promise.all(dialled.map((each) => ownerOf(each, pids)))).toEqual(
        dialled.map(() => 7),
      );
    } finally {
      child.kill("SIGKILL");
      for (const socket of own) socket.destroy();
    }
  },
);

test.skipIf(!isLinux)(
  "a socket of nobody who was named, a listening one, none at all",
  async () => {
    const socket = connect({ port, host: "127.0.0.1", family: 4 });
    await once(socket, "connect");
    const pids = () => new Map([[7, process.pid]]);
    expect(await ownerOf(socket.localPort ?? 0, () => new Map())).toBeUndefined();
    expect(await ownerOf(port, () => new Map([[1, 1]]))).toBeUndefined();
    const gone = socket.localPort ?? 0;
    socket.destroy();
    await once(socket, "close");
    expect(await ownerOf(gone, pids)).toBeUndefined();
  },
);

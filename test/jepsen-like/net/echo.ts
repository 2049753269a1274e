// A server that answers every byte with itself, and a client that notes what comes.

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Places } from "../../../jepsen-like/net/ports.ts";

export class Echo {
  readonly server: Server;
  readonly address: string;
  /** What arrived, of all connections. */
  received = "";
  readonly sockets = new Set<Socket>();
  /** Answers; else it only listens. */
  answers = true;
  ends = 0;

  private constructor(server: Server) {
    this.server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Echo> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const echo = new Echo(server);
    server.on("connection", (socket) => {
      echo.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => echo.sockets.delete(socket));
      socket.on("data", (bytes: Buffer) => {
        echo.received += bytes.toString("latin1");
        if (echo.answers) socket.write(bytes);
      });
      socket.on("end", () => {
        echo.ends += 1;
        socket.end();
      });
    });
    return echo;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** All nodes are the same echo. */
export function placesAt(...echoes: readonly Echo[]): Places {
  return (id) => {
    const { address } = echoes[(id - 1) % echoes.length]!;
    return { client: address, peer: address };
  };
}

export class Dialled {
  readonly socket: Socket;
  received = "";
  /** Milliseconds of performance.now() of each piece that came. */
  readonly arrivals: number[] = [];
  isClosed = false;
  wasReset = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.arrivals.push(performance.now());
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.wasReset = error.code === "ECONNRESET" || error.code === "EPIPE";
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  static async dial(address: string): Promise<Dialled> {
    const [host, port] = address.split(":");
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    const dialled = new Dialled(socket);
    // A refusal may come with the connect.
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.once("close", () => resolve());
    });
    return dialled;
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }
}

/** Awaits what is bound to come; the time is only the bound after which the test gives up. */
export async function until(what: string, holds: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

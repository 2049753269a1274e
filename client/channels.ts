// One channel per endpoint, shared by the stream and unary calls; a channel on which the transport failed is replaced,
// because what gRPC knows of a broken connection (back-off, half-open sockets) is worth less than a fresh one (H5).

import type { Channel, Dial } from "./channel.ts";

export class Channels {
  readonly #dial: Dial;
  readonly #open = new Map<string, Channel>();

  constructor(dial: Dial) {
    this.#dial = dial;
  }

  to(endpoint: string): Channel {
    let channel = this.#open.get(endpoint);
    if (channel === undefined) {
      channel = this.#dial(endpoint);
      this.#open.set(endpoint, channel);
    }
    return channel;
  }

  discard(endpoint: string): void {
    this.#open.get(endpoint)?.close();
    this.#open.delete(endpoint);
  }

  close(): void {
    for (const endpoint of this.#open.keys()) this.discard(endpoint);
  }
}

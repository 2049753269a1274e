// The producing side of a measurement.

import type { Queue } from "../client/index.ts";
import { makeBody, nowMs } from "./body.ts";
import { Latencies } from "./latency.ts";
import type { Produced, ProduceOrder } from "./protocol.ts";

/** With a fixed rate: so many unanswered messages mean that the cluster cannot keep up; the rest is not sent. */
const openLoopOutstandingMax = 20_000;

export async function produce(queue: Queue<Uint8Array>, order: ProduceOrder): Promise<Produced> {
  const keys = Array.from({ length: order.keys }, (_, index) => `key-${index}`);
  const latencies = new Latencies();
  const startMs = nowMs();
  const fromMs = order.count > 0 ? startMs : startMs + order.warmMs;
  const toMs = order.count > 0 ? startMs + order.windowMs : fromMs + order.windowMs;
  let sent = 0;
  let confirmed = 0;
  let confirmedInWindow = 0;
  let outstanding = 0;
  let errors = 0;
  let firstError = "";
  let lastConfirmMs = startMs;

  const more = (): boolean => nowMs() < toMs && (order.count === 0 || sent < order.count);
  await new Promise<void>((resolve) => {
    const settled = (): void => {
      if (outstanding === 0 && !more()) resolve();
    };
    const sendOne = (): void => {
      const sequence = sent++;
      outstanding++;
      const sentMs = nowMs();
      const key = keys[sequence % keys.length] ?? "";
      queue.enqueue(makeBody(order.bytes, sequence), { key }).then(
        () => {
          const now = nowMs();
          outstanding--;
          confirmed++;
          lastConfirmMs = now;
          if (now >= fromMs && now < toMs) {
            confirmedInWindow++;
            latencies.add(now - sentMs);
          }
          if (order.rate === 0) fill();
          settled();
        },
        (error: unknown) => {
          outstanding--;
          errors++;
          if (firstError === "") firstError = String(error);
          settled();
        },
      );
    };
    const fill = (): void => {
      while (outstanding < order.outstanding && more()) sendOne();
    };
    if (order.rate === 0) {
      fill();
      return;
    }
    // Open loop: a message is sent when it is due, whether or not earlier ones were answered, so that a pause of the
    // cluster is felt by every message that falls into it (no coordinated omission).
    const timer = setInterval(() => {
      const due = Math.floor(((Math.min(nowMs(), toMs) - startMs) * order.rate) / 1_000);
      while (sent < due && outstanding < openLoopOutstandingMax) sendOne();
      if (nowMs() >= toMs) {
        clearInterval(timer);
        settled();
      }
    }, 1);
  });

  const seconds = order.count > 0 ? (lastConfirmMs - startMs) / 1e3 : order.windowMs / 1e3;
  return {
    sent,
    confirmed,
    errors,
    firstError,
    perSecond: confirmedInWindow / seconds,
    latency: latencies.summary(),
  };
}

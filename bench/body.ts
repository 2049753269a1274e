// The clock and the messages of a measurement. A body begins with its start and its number (two doubles, little-endian), so that
// a consumer in another process can tell the way's length without asking anybody.

/** Milliseconds of the monotonic clock: the same clock in every process of this machine. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

export const bodyBytesMin = 16;

export function makeBody(size: number, sequence: number, startMs: number): Buffer {
  const body = Buffer.allocUnsafe(size);
  body.fill(0x61, bodyBytesMin);
  body.writeDoubleLE(startMs, 0);
  body.writeDoubleLE(sequence, 8);
  return body;
}

export function startOf(body: Uint8Array): number {
  return viewOf(body).getFloat64(0, true);
}

export function sequenceOf(body: Uint8Array): number {
  return viewOf(body).getFloat64(8, true);
}

function viewOf(body: Uint8Array): DataView {
  return new DataView(body.buffer, body.byteOffset, body.byteLength);
}

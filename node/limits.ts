// The bounds of the API (proto/queue.proto says them to the user). Checked at the door, before anything is appended.

export const limits = {
  queueName: /^[A-Za-z0-9._-]{1,128}$/,
  keyBytes: 256,
  sessionNameBytes: 128,
  errorBytes: 1_024,
  labels: 32,
  labelBytes: 256,
  contentBytes: 4 * 1024 * 1024,
  batchMessages: 1_000,
  batchBytes: 4 * 1024 * 1024,
  leaseMs: { min: 100, max: 43_200_000 },
  sessionTtlMs: { min: 1_000, max: 3_600_000, default: 30_000 },
  receiveMessages: 1_000,
  receiveWaitMs: 60_000,
  credit: 10_000,
  attempts: 1_000,
  inFlightPerKey: 1_000,
  retryMs: 3_600_000,
  retryMultiplier: 10,
} as const;

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
  listNames: 1_000,
  receiveMessages: 1_000,
  receiveWaitMs: 60_000,
  credit: 10_000,
  attempts: 1_000,
  inFlightPerKey: 1_000,
  retryMs: 3_600_000,
  retryMultiplier: 10,
  /** Operations of one commit, all kinds together; bytes of what it enqueues. */
  commitOperations: 1_000,
  commitBytes: 4 * 1024 * 1024,
  /** Keys that a consumer or a receive may name. */
  filterKeys: 100,
  filterHeaders: 16,
  filterHeaderBytes: 1_024,
  dedupIdBytes: 256,
  priority: 9,
  /** Of a delay, a time to live, a topic's retention: 366 days. */
  retentionMs: 366 * 86_400_000,
  dedupWindowMs: 7 * 86_400_000,
  historyMs: 30 * 86_400_000,
  /** A time, in milliseconds since 1970: what a row's key can hold. */
  timeMs: 2 ** 48 - 1,
  peekMessages: 1_000,
  listKeys: 1_000,
  redriveMessages: 1_000,
} as const;

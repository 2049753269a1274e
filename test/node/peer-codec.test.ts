import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { peerFrame, peerMessages } from "../../node/grpc/peer-frame.ts";
import { decodeMessage, encodeMessage, MalformedMessage } from "../../node/peer-codec.ts";
import type { PeerMessage } from "../../node/peer-report.ts";
import type { Message } from "../../raft/index.ts";

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const id = fc.record({ term: u48, index: u48 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const membership = fc
  .tuple(fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { maxLength: 7 }), fc.nat(7))
  .chain(([all, split]) => {
    const sorted = (ids: number[]): number[] => ids.sort((a, b) => a - b);
    return fc.record({
      voters: fc.constant(sorted(all.slice(0, split))),
      learners: fc.constant(sorted(all.slice(split))),
      context: fc.stringMatching(/^[ -~]{0,30}$/),
    });
  });
const snapshot = fc.record({
  last: id,
  membership,
});

function envelope<K extends Message["kind"]>(kind: K) {
  return { kind: fc.constant(kind), from: u32, to: u32, term: u48 };
}

const append = fc
  .record({
    ...envelope("append-request"),
    previous: fc.record({ term: u48, index: fc.integer({ min: 0, max: 2 ** 40 }) }),
    commit: u48,
    parts: fc.array(
      fc.record({
        term: u48,
        kind: fc.constantFrom("noop" as const, "command" as const, "membership" as const),
        payload: bytes,
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ parts, ...rest }) => ({
    ...rest,
    entries: parts.map((part, i) => ({ index: rest.previous.index + 1 + i, ...part })),
  }));

const report = fc.record({
  kind: fc.constant("report" as const),
  from: u32,
  to: u32,
  rulesVersion: u32,
  rulesVersionMax: u32,
  diskLow: fc.boolean(),
  diskFreeBytes: fc.option(u48, { nil: undefined }),
  digests: fc.array(fc.record({ index: u48, digest: fc.stringMatching(/^[0-9a-f]{16}$/) }), {
    maxLength: 9,
  }),
});

const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  report,
  fc.record({ ...envelope("pre-vote-request"), last: id }),
  fc.record({ ...envelope("pre-vote-reply"), granted: fc.boolean() }),
  fc.record({ ...envelope("vote-request"), last: id, transfer: fc.boolean() }),
  fc.record({ ...envelope("vote-reply"), granted: fc.boolean() }),
  append,
  fc.record({
    ...envelope("append-reply"),
    previous: id,
    outcome: fc.oneof(
      fc.record({ kind: fc.constant("accepted" as const), match: u48 }),
      fc.record({ kind: fc.constant("refused" as const), conflict: id }),
    ),
  }),
  fc.record({ ...envelope("heartbeat"), commit: u48, round: u48 }),
  fc.record({ ...envelope("heartbeat-reply"), round: u48 }),
  fc.record({
    ...envelope("snapshot-chunk"),
    snapshot,
    chunk: u32,
    data: bytes,
    done: fc.boolean(),
  }),
  fc.record({ ...envelope("snapshot-chunk-reply"), last: id, next: u32 }),
  fc.record({ ...envelope("timeout-now"), last: id }),
);

describe("messages between members", () => {
  test("come out of a frame as they went in, in order", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), (messages) => {
        const frame = peerFrame(messages.map(encodeMessage));
        expect(peerMessages(frame).map(decodeMessage)).toEqual(messages);
      }),
    );
  });

  test("cut short, or with bytes behind, are refused and never half understood; only a report may be longer", () => {
    fc.assert(
      fc.property(message, fc.nat(), (said, at) => {
        const encoded = encodeMessage(said);
        const cut = encoded.subarray(0, at % encoded.length);
        expect(() => decodeMessage(cut)).toThrow(MalformedMessage);
        const longer = Buffer.concat([encoded, Buffer.of(0)]);
        // E4: a later release may say more about itself.
        if (said.kind === "report") expect(decodeMessage(longer)).toEqual(said);
        else expect(() => decodeMessage(longer)).toThrow(MalformedMessage);
      }),
    );
  });

  test("random bytes are malformed, not a crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
        const frame = Buffer.from(array);
        try {
          peerMessages(frame).map(decodeMessage);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
        // A valid frame around nonsense.
        try {
          peerMessages(peerFrame([frame])).map(decodeMessage);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

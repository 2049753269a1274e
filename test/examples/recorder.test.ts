import { describe, expect, test } from "vitest";
import { generateLedger } from "../../examples/ledger/generate.ts";
import { prove } from "../../examples/ledger/proof.ts";
import { Recorder, type Noted } from "../../examples/ledger/recorder.ts";
import { byFailover } from "../../examples/ledger/report.ts";

const rows = generateLedger({ messages: 4, accounts: 1, seed: 1 });

function message(place: number, deliveries = 1, redelivery = ""): Noted {
  const keySeq = place + 1;
  return { messageId: `1/1000/${keySeq}`, keySeq, deliveries, redelivery };
}

function recorded(...messages: readonly Noted[]): Recorder {
  const recorder = new Recorder(rows, () => 0);
  messages.forEach((each, index) => recorder.note(each, rows[each.keySeq - 1]!, index + 1));
  return recorder;
}

describe("what consumers saw", () => {
  test("each message once: all first handlings, no redelivery", () => {
    const recorder = recorded(message(0), message(1), message(2), message(3));
    expect(recorder.handled).toBe(4);
    expect(recorder.redeliveries).toEqual({});
    expect(prove(rows, recorder.history, 0).problems).toEqual([]);
  });

  test("a redelivery with a cause is counted by it and is no second handling", () => {
    const recorder = recorded(message(0), message(0, 2, "nack"), message(1));
    expect(recorder.redeliveries).toEqual({ nack: 1 });
    expect(byFailover(recorder.redeliveries)).toBe(0);
    expect(recorder.history).toHaveLength(2);
  });

  test("one without a cause is counted, and the proof finds the doubled handling", () => {
    const recorder = recorded(message(0), message(0), message(1), message(2), message(3));
    expect(byFailover(recorder.redeliveries)).toBe(1);
    expect(prove(rows, recorder.history, 0).problems.map(({ kind }) => kind)).toEqual(["doubled"]);
  });

  test("leases and sessions that ended count as failover: in the demo nothing else could end them", () => {
    const recorder = recorded(
      message(0, 2, "session-ended"),
      message(1, 2, "lease-expired"),
      message(2, 2, "release"),
    );
    expect(byFailover(recorder.redeliveries)).toBe(2);
    expect(recorder.handled).toBe(3);
  });
});

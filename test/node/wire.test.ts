import { expect, test } from "vitest";
import { deliveryBytes, deliveryObject } from "../../node/wire.ts";
import { decodeServerFrame, encodeContent, ServerFrameWriter } from "../../proto/frame.ts";
import { messageIdOfRow, rowOfMessage, type Grant, type StoredMessage } from "../../queue/index.ts";

const place = { queueId: 7, lane: "a\xc3\xa4", keySeq: 200 };
const grant: Grant = {
  ...{ session: 1, consumer: 1, queueId: 9, queue: "dead", lane: "", keySeq: 3, token: 5 },
  ...{ attempts: 0, deliveries: 1, leaseMs: 1_000, redelivery: "", row: "" },
};
const message: StoredMessage = {
  ...{ seq: 3, logIndex: 11, enqueuedAt: 12, key: "a\xc3\xa4" },
  content: encodeContent({ body: "x" }),
  deadLetter: {
    ...{ cause: "rejected", attempts: 1, error: "never", queue: "orders" },
    messageId: messageIdOfRow(rowOfMessage(place)),
  },
};

test("a dead letter names the message that it was as its producer knows it, in text that every client can read", () => {
  const writer = new ServerFrameWriter();
  writer.addDelivery(deliveryBytes(grant, message));
  const frame = decodeServerFrame(writer.finish(1, 1));
  expect(frame.deliveries[0]?.deadLetter?.messageId).toBe("7/aä/200");
  expect(deliveryObject(grant, message)).toMatchObject({ deadLetter: { messageId: "7/aä/200" } });
});

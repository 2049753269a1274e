import { expect, test } from "vitest";
import { deliveryBytes, deliveryObject, placeOfMessageId } from "../../node/wire.ts";
import { decodeServerFrame, encodeContent, ServerFrameWriter } from "../../proto/frame.ts";
import {
  messageIdOfRow,
  rowOfMessage,
  type Grant,
  type MessagePlace,
  type StoredMessage,
} from "../../queue/index.ts";

const place = { queueId: 7, lane: "a\xc3\xa4", keySeq: 200 };
const grant: Grant = {
  ...{ session: 1, consumer: 1, queueId: 9, queue: "dead", lane: "", keySeq: 3, token: 5 },
  ...{ attempts: 0, deliveries: 1, leaseMs: 1_000, redelivery: "", message: undefined },
};
const names = { placeOutside: (at: MessagePlace) => at };
const message: StoredMessage = {
  ...{ seq: 3, logIndex: 11, enqueuedAt: 12, key: "a\xc3\xa4" },
  ...{ notBefore: 0, expiresAt: 0, priority: 0 },
  content: encodeContent({ body: "x" }),
  deadLetter: {
    ...{ cause: "rejected", attempts: 1, error: "never", queue: "orders" },
    messageId: messageIdOfRow(rowOfMessage(place)),
  },
};

test("a dead letter names the message that it was as its producer knows it, in text that every client can read", () => {
  const writer = new ServerFrameWriter();
  writer.addDelivery(deliveryBytes(grant, message, names));
  const frame = decodeServerFrame(writer.finish(1, 1));
  expect(frame.deliveries[0]?.deadLetter?.messageId).toBe("7/aä/200");
  expect(deliveryObject(grant, message, names)).toMatchObject({
    deadLetter: { messageId: "7/aä/200" },
  });
});

test.each([
  ["7/aä/200", { queueId: 7, lane: "aä", keySeq: 200 }],
  ["7//1", { queueId: 7, lane: "", keySeq: 1 }],
  ["7/a/b//3/9", { queueId: 7, lane: "a/b//3", keySeq: 9 }],
  ["7/line\nbreak/9", { queueId: 7, lane: "line\nbreak", keySeq: 9 }],
  ["7/a/0", undefined],
  ["7/a/9007199254740992", undefined],
  ["7/a", undefined],
  ["/a/1", undefined],
  ["x/a/1", undefined],
  ["", undefined],
])("a message id and the place that it names: %j", (id, place_) => {
  expect(placeOfMessageId(id)).toEqual(place_);
});

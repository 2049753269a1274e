// raftq as a user has it: the built client, one session, keys, a consumer with credits that acks. Copied beside the drivers of the
// other systems by main.ts, which also says where the build is (RAFTQ_HOME). 1,000 keys: order per key is on.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const home = process.env.RAFTQ_HOME;
if (home === undefined) throw new Error("RAFTQ_HOME is not set: the folder of a built raftq");
const { bytesCodec, connect } = await import(
  pathToFileURL(join(home, "dist/client/index.js")).href
);

export const name = "raftq";
const keys = Array.from({ length: 1_000 }, (_, index) => `key-${index}`);
const endpoint = (node) => `127.0.0.1:${27_410 + node}`;
const endpoints = [1, 2, 3].map(endpoint);

/** `node`: whom to ask first. The client finds the leader by itself, now and after a failover. */
export async function open({ node = 1 } = {}) {
  const first = endpoint(node);
  const client = await connect({
    endpoints: [first, ...endpoints.filter((each) => each !== first)],
    name: "bench",
  });
  const queueOf = (q) => client.queue(q, { codec: bytesCodec });
  return {
    /** It connects again by itself, and sends again what is unanswered: each message once. */
    closed: false,
    onClosed() {},
    async createQueue(q) {
      await client.createQueue(q, { ordering: "KEY" });
      return (await client.cluster()).leader?.nodeId ?? 0;
    },
    deleteQueue: (q) => client.deleteQueue(q),
    async producer(q) {
      const queue = queueOf(q);
      return {
        send(body, sequence, answered) {
          queue
            .enqueue(body, { key: keys[sequence % keys.length] })
            .then(() => answered(null), answered);
        },
        async close() {},
      };
    },
    async consumer(q, { prefetch, onMessage }) {
      const handler = ({ message: { body, deliveries } }) => {
        onMessage(Buffer.from(body.buffer, body.byteOffset, body.byteLength), deliveries > 1);
      };
      const consumer = queueOf(q).consume(handler, { credit: prefetch, concurrency: prefetch });
      consumer.done.catch((error) => console.error("raftq consumer:", error.message));
      return { acked: () => consumer.stats.acked, close: () => consumer.drain() };
    },
    close: () => client.close(),
  };
}

export const openAny = ({ skip = 0 } = {}) => open({ node: skip === 1 ? 2 : 1 });

/** All three answer, and none is far behind. */
export async function ready() {
  const session = await connect({ endpoints, name: "bench" });
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      const views = await Promise.all(endpoints.map((each) => session.cluster(each)));
      const leading = views.find(({ leader, nodeId }) => leader?.nodeId === nodeId);
      if (leading?.members.every(({ lag }) => lag >= 0 && lag <= 100) === true) break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error("the three nodes are not together yet");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await session.close();
}

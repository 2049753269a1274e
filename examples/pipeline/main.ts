// Consume, transform, produce: three stages, each of which takes a message and gives one, in one commit. Handlers fail now and
// then, before their commit and after it; what comes out is what went in, once, each sensor in order. Run it beside `npm start`:
// `node dist/examples/pipeline/main.js`.

import { connect, type Client, type Handling, type Queue } from "raftq";

const sensors = ["north", "east", "south", "west"];
const readingsPerSensor = 100;
const endpoints = process.env["RAFTQ_ENDPOINTS"] ?? "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420";

interface Reading {
  readonly sensor: string;
  readonly number: number;
  readonly celsius: number;
}

interface Alarm extends Reading {
  readonly level: "normal" | "high";
}

/** Every seventh try fails: half of them before the commit, half of them after it. */
function failing(): () => "before" | "after" | "never" {
  let tries = 0;
  return () => {
    tries++;
    if (tries % 7 !== 0) return "never";
    return tries % 14 === 0 ? "before" : "after";
  };
}

/** Takes from one queue and gives to the next. Either both happen, or neither. */
function stage<A, B>(client: Client, from: Queue<A>, to: Queue<B>, transform: (value: A) => B) {
  const fails = failing();
  return from.consume(async (handling: Handling<A>) => {
    const failure = fails();
    if (failure === "before") throw new Error("out of memory, say");
    const next = transform(handling.value);
    await client.commit((tx) => {
      tx.ack(handling);
      tx.enqueue(to, next, { key: handling.message.key });
    });
    // Too late to change anything: the message is settled, and its successor is there.
    if (failure === "after") throw new Error("a log line that could not be written, say");
  });
}

async function main(client: Client): Promise<string[]> {
  const retry = { initialMs: 10 };
  for (const name of ["raw", "readings", "alarms"]) await client.createQueue(name, { retry });
  const raw = client.queue<string>("raw");
  const readings = client.queue<Reading>("readings");
  const alarms = client.queue<Alarm>("alarms");

  const stages = [
    stage(client, raw, readings, (line) => {
      const [sensor = "", number, celsius] = line.split(" ");
      return { sensor, number: Number(number), celsius: Number(celsius) };
    }),
    stage(client, readings, alarms, (reading) => ({
      ...reading,
      level: reading.celsius > 30 ? "high" : "normal",
    })),
  ];
  const out = new Map<string, number[]>(sensors.map((sensor) => [sensor, []]));
  const total = sensors.length * readingsPerSensor;
  let count = 0;
  const finished = new Promise<void>((resolve) => {
    stages.push(
      alarms.consume(({ value }) => {
        out.get(value.sensor)?.push(value.number);
        if (++count === total) resolve();
      }),
    );
  });
  await Promise.all(
    sensors.flatMap((sensor) =>
      Array.from({ length: readingsPerSensor }, (_, i) =>
        raw.enqueue(`${sensor} ${i + 1} ${20 + (i % 15)}`, { key: sensor }),
      ),
    ),
  );
  await finished;
  await Promise.all(stages.map((each) => each.drain()));

  const wanted = Array.from({ length: readingsPerSensor }, (_, i) => i + 1).join(" ");
  const problems = [...out]
    .filter(([, numbers]) => numbers.join(" ") !== wanted)
    .map(([sensor, numbers]) => `${sensor}: ${numbers.join(" ")}`);
  for (const queue of [raw, readings, alarms]) {
    const { enqueued, acked, redeliveredNack } = await client.getQueue(queue.name);
    if (enqueued !== total || acked !== total) problems.push(`${queue.name}: ${acked}/${enqueued}`);
    if (queue !== alarms && redeliveredNack === 0) problems.push(`${queue.name}: nothing failed`);
  }
  console.log(`${total} readings in, ${count} out`);
  return problems;
}

const client = await connect({ endpoints: endpoints.split(",") });
try {
  const problems = await main(client);
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log("each went through three stages once, each sensor in order");
} finally {
  await client.close();
}

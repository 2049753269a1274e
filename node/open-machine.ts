// A machine from a store: its rows, and the beginnings of its agendas.

import {
  Loader,
  loadRange,
  type Bytes,
  type DueRange,
  type Limits,
  type Machine,
  type OrderedReader,
  type Rules,
} from "../queue/index.ts";

/** Reads everything but the messages. */
export async function openMachine(
  store: OrderedReader,
  limits?: Limits,
  rules?: Rules,
): Promise<Machine> {
  const loader = new Loader(limits, rules);
  for await (const rows of store.range(loadRange.from, loadRange.to)) {
    for (const { key, value } of rows) loader.row(key, value);
  }
  const machine = loader.finish();
  for (let due = machine.firstDue(); due !== undefined; due = machine.firstDue())
    machine.provideDue(await readDue(store, due));
  return machine;
}

/** What Machine.missingDue asks for. */
export async function readDue(store: OrderedReader, range: DueRange): Promise<Bytes[]> {
  const { from, to, limit } = range;
  const found: Bytes[] = [];
  for await (const rows of store.range(from, to, { limit })) {
    for (const { key } of rows) found.push(key);
  }
  return found;
}

// Q1, Q2: what is to happen at a cluster time, of which only the beginning is in memory.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDue } from "../../node/open-machine.ts";
import { Agenda, dueKind } from "../../queue/agenda.ts";
import { dueRow as rowIn, family, partsOfDueRow, under, type DuePlace } from "../../queue/keys.ts";
import { MemoryStore, standardRules, type Write } from "../../queue/index.ts";
import { ByteWriter } from "../../queue/byte-writer.ts";
import { WriteBehind } from "../../queue/write-behind.ts";

const rules = { ...standardRules, dueRowsPerEntryMax: 2 };
const limits = { lanesResidentMax: 0, agendaRowsMax: 3 };

const dueRange = under(family.due);
const dueRow = (place: DuePlace): string => rowIn(family.due, place);

function item(due: number, keySeq = 1): DuePlace {
  return { due, queueId: 1, kind: dueKind.expiry, lane: "a\0b", keySeq };
}

test("a row says what it is about, and sorts by its time", () => {
  const place = fc.record({
    due: fc.nat(2 ** 40),
    queueId: fc.nat(0xffff_ffff),
    kind: fc.constantFrom(...Object.values(dueKind)),
    lane: fc.array(fc.constantFrom("\0", "\x01", "a", "\xff")).map((all) => all.join("")),
    keySeq: fc.nat(2 ** 40),
  });
  fc.assert(
    fc.property(place, place, (one, two) => {
      expect(partsOfDueRow(dueRow(one))).toEqual(one);
      expect(dueRow(one) >= dueRange.from && dueRow(one) < dueRange.to).toBe(true);
      if (one.due !== two.due) expect(dueRow(one) < dueRow(two)).toBe(one.due < two.due);
    }),
  );
});

/** An agenda with a store, as a node has it; `plain`: the same items, in order. */
class World {
  rows = new WriteBehind();
  agenda = new Agenda(this.rows, family.due, limits, rules);
  readonly store = new MemoryStore();
  plain: DuePlace[] = [];
  time = 0;

  add(place: DuePlace): void {
    this.agenda.add(place);
    this.plain = [...this.plain.filter((one) => dueRow(one) !== dueRow(place)), place];
    this.plain.sort((a, b) => (dueRow(a) < dueRow(b) ? -1 : 1));
  }

  remove(at: number): void {
    const place = this.plain[at];
    if (place === undefined) return;
    this.agenda.remove(place);
    this.plain.splice(at, 1);
  }

  takeBatch(): Write[] {
    const writes: Write[] = [];
    this.rows.take(writes, new ByteWriter(64));
    return writes;
  }

  async flush(): Promise<void> {
    await this.store.write(this.takeBatch());
    this.rows.stored();
  }

  async restart(): Promise<void> {
    await this.flush();
    this.rows = new WriteBehind();
    this.agenda = new Agenda(this.rows, family.due, limits, rules);
    this.agenda.forget();
  }

  /** `late`: a batch reaches the store while it is being read, before or after the read. */
  async entry(time: number, late: "before" | "after" | undefined): Promise<void> {
    this.time = Math.max(this.time + 1, time);
    for (let due = this.agenda.missing(this.time); due; due = this.agenda.missing(this.time)) {
      const batch = late === undefined ? undefined : this.takeBatch();
      if (batch !== undefined && late === "before") await this.store.write(batch);
      const found = await readDue(this.store, due);
      if (batch !== undefined && late === "after") await this.store.write(batch);
      if (batch !== undefined) this.rows.stored();
      this.agenda.provide(found);
      late = undefined;
    }
    const expected = this.plain.filter(({ due }) => due <= this.time).slice(0, 2);
    expect(this.agenda.due(this.time)).toEqual(expected);
    const taken: DuePlace[] = [];
    for (let place; taken.length < 2 && (place = this.agenda.take(this.time));) taken.push(place);
    expect(taken).toEqual(expected);
    this.plain = this.plain.slice(taken.length);
    expect(this.agenda.isInOrder).toBe(true);
    expect(this.agenda.size).toBeLessThanOrEqual(6);
    const first = this.plain[0]?.due;
    if (first !== undefined) expect(this.agenda.next()).toBeLessThanOrEqual(first);
  }
}

test("Q2: every node carries out the same, whatever is in memory, stored or under way", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ add: fc.nat(60), keySeq: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat(8) }) },
    { weight: 1, arbitrary: fc.constant({ flush: true }) },
    { weight: 1, arbitrary: fc.constant({ restart: true }) },
    {
      weight: 3,
      arbitrary: fc.record({
        pass: fc.nat(12),
        late: fc.constantFrom("before" as const, "after" as const, undefined),
      }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const world = new World();
      for (const one of steps) {
        if ("add" in one) world.add(item(world.time + 1 + one.add, one.keySeq));
        else if ("remove" in one) world.remove(one.remove);
        else if ("flush" in one) await world.flush();
        else if ("restart" in one) await world.restart();
        else await world.entry(world.time + one.pass, one.late);
      }
      for (let left = world.plain.length; left >= 0; left -= 2) await world.entry(1000, undefined);
      await world.entry(1000, undefined);
      expect(world.agenda.next()).toBeUndefined();
      await world.flush();
      for await (const rows of world.store.range("\0", "\xff")) expect(rows).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

describe("next", () => {
  test("of a state from a store: at once, until the beginning is known", async () => {
    const world = new World();
    world.add(item(500));
    await world.restart();
    expect(world.agenda.next()).toBe(0);
    const first = world.agenda.first();
    world.agenda.provide(await readDue(world.store, first!));
    expect(world.agenda.next()).toBe(500);
    expect(world.agenda.first()).toBeUndefined();
  });
});

import { describe, expect, test } from "vitest";
import { rows, type ResultLine } from "../../bench/peers/rows.ts";
import { peersTable, valueOf } from "../../bench/peers/table.ts";

const line = (
  system: string,
  item: string,
  figures: Readonly<Record<string, unknown>>,
  size = 256,
): ResultLine => ({ system, item, size, ...figures });

const row = (says: string): (typeof rows)[number] => {
  const found = rows.find((each) => each.says.startsWith(says));
  if (found === undefined) throw new Error(`no row ${says}`);
  return found;
};

const rowOf = (table: string, says: string): string =>
  table.split("\n").find((each) => each.startsWith(says)) ?? "";

describe("the comparison", () => {
  const lines = [
    line("raftq", "pipelined", { rate: 60_000 }),
    line("raftq", "pipelined", { rate: 62_000 }),
    line("raftq", "pipelined", { rate: 90_000 }),
    line("rabbitmq", "pipelined", { rate: 10_000 }),
    line("redis", "pipelined", { rate: 40_000 }),
  ];

  test("shows medians, ours over theirs, and whether that is what was wanted", () => {
    const told = rowOf(peersTable(lines), "enqueue, 1,000 outstanding, 256 B");
    expect(told).toMatch(/62,000 +10,000 +40,000 +6\.2 +1\.55/);
    expect(told).toContain("at least 6 × RabbitMQ (met), 2 × Redis (MISSED)");
  });

  test("less is better of times", () => {
    const times = (ours: number): string =>
      rowOf(
        peersTable([
          line("raftq", "closed", { lat_p50: ours }),
          line("redis", "closed", { lat_p50: 0.8 }),
        ]),
        "one at a time: p50",
      );
    expect(times(0.8)).toContain("at most 1 × Redis (met)");
    expect(times(0.81)).toContain("at most 1 × Redis (MISSED)");
  });

  test("says nothing of what was not measured, and leaves out what nobody measured", () => {
    const table = peersTable([line("raftq", "pipelined", { rate: 1 })]);
    expect(table.split("\n")).toHaveLength(2);
    expect(table).not.toMatch(/met|MISSED|NaN|Redis/);
  });

  test("a size has a line of its own; errors and what is no number do not count", () => {
    const some = [
      line("raftq", "pipelined", { rate: 5 }, 1_024),
      line("raftq", "pipelined", { rate: 7, error: "broken" }),
      line("raftq", "failover", { unavailableMs: null }),
      line("raftq", "failover", { unavailableMs: 90 }),
    ];
    expect(valueOf(some, "raftq", row("enqueue, 1,000 outstanding, 1024 B"))).toBe(5);
    expect(valueOf(some, "raftq", row("enqueue, 1,000 outstanding, 256 B"))).toBeUndefined();
    expect(valueOf(some, "raftq", row("leader killed, median"))).toBe(90);
  });

  test("memory is that of a new cluster", () => {
    const some = [
      line("raftq-fresh", "drain", { bytesPerMsgAllNodes: 900 }),
      line("raftq", "drain", { bytesPerMsgAllNodes: 5 }),
    ];
    expect(rowOf(peersTable(some), "memory of a waiting message")).toMatch(/ 900$/);
    expect(peersTable(some.slice(0, 1))).toContain("raftq");
  });

  test("of failovers the worst counts, and every message that was lost or doubled", () => {
    const kills = [100, 300, 200].map((ms, lost) =>
      line("raftq", "failover", { unavailableMs: ms, lost, duplicates: 0 }),
    );
    expect(valueOf(kills, "raftq", row("leader killed, median"))).toBe(200);
    expect(valueOf(kills, "raftq", row("leader killed, worst"))).toBe(300);
    expect(valueOf(kills, "raftq", row("confirmed and lost"))).toBe(3);
    expect(rowOf(peersTable(kills), "confirmed and lost")).toContain("at most 0 (MISSED)");
  });
});

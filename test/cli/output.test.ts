import { describe, expect, test } from "vitest";
import {
  byteSize,
  duration,
  grouped,
  painter,
  plain,
  printable,
  sheet,
  table,
} from "../../cli/output.ts";

describe("table", () => {
  test("columns are as wide as their widest cell; numbers stand flush right", () => {
    const text = table(
      [{ title: "queue" }, { title: "ready", align: "right" }],
      [
        ["a", "5"],
        ["orders", "1,200"],
      ],
    );
    expect(text.split("\n")).toEqual(["queue   ready", "a           5", "orders  1,200"]);
  });

  test("no line ends in blanks", () => {
    const text = table([{ title: "a" }, { title: "b" }], [["x"], ["longer", ""]]);
    for (const line of text.split("\n")) expect(line).toBe(line.trimEnd());
  });

  test("a sheet aligns its values", () => {
    expect(
      sheet([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2");
  });
});

describe("numbers", () => {
  test.each([
    [0, "0"],
    [999, "999"],
    [1_000, "1,000"],
    [47_527, "47,527"],
    [1_234_567, "1,234,567"],
    [-4_000, "-4,000"],
    [12.5, "12.5"],
    [12_345.678, "12,345.678"],
    [NaN, "-"],
  ])("%d is grouped as %s", (value, text) => {
    expect(grouped(value)).toBe(text);
  });

  test.each([
    [0, "0 B"],
    [1_023, "1023 B"],
    [1_536, "1.5 KiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
  ])("%d bytes are %s", (value, text) => {
    expect(byteSize(value)).toBe(text);
  });

  test.each([
    [0.4, "0 ms"],
    [999, "999 ms"],
    [12_345, "12.3 s"],
    [180_000, "3 min"],
    [7_200_000, "2 h"],
  ])("%d ms are %s", (value, text) => {
    expect(duration(value)).toBe(text);
  });
});

describe("what others wrote", () => {
  test("control characters cannot move the cursor", () => {
    expect(printable("a\u001b[2Jb\nc\rd\u009be\u007f")).toBe("a\\x1b[2Jb\\nc\\rd\\x9be\\x7f");
  });

  test("text in any script stays as it is", () => {
    expect(printable("Účet č. 5 – 取引 ✓\t!")).toBe("Účet č. 5 – 取引 ✓\t!");
  });
});

describe("colour", () => {
  test("only on a terminal", () => {
    expect(painter({ isTTY: false }, {})).toBe(plain);
    expect(painter({}, {})).toBe(plain);
    expect(painter({ isTTY: true }, {}).bad("x")).toBe("\u001b[31mx\u001b[0m");
  });

  test("NO_COLOR and TERM=dumb switch it off; an empty NO_COLOR does not", () => {
    expect(painter({ isTTY: true }, { NO_COLOR: "1" })).toBe(plain);
    expect(painter({ isTTY: true }, { TERM: "dumb" })).toBe(plain);
    expect(painter({ isTTY: true }, { NO_COLOR: "" })).not.toBe(plain);
  });
});

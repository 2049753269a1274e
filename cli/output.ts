// What people and scripts read on standard output. Plain text by default: colour only where a person looks at it, and no
// dependency for either. Numbers are grouped by hand, so that a table looks alike on every machine whatever its locale.

export interface Column {
  readonly title: string;
  /** Numbers read best flush right. */
  readonly align?: "left" | "right";
}

/** Columns as wide as their widest cell, two spaces between them, no trailing blanks. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint = plain,
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? "";
        const width = widths[index] ?? 0;
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [paint.dim(line(columns.map((column) => column.title))), ...rows.map(line)].join("\n");
}

/** Names on the left, values on the right of them: one thing described, where a table describes many. */
export function sheet(pairs: readonly (readonly [string, string])[], paint: Paint = plain): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${paint.dim(name.padEnd(width))}  ${value}`.trimEnd())
    .join("\n");
}

/** 47527 → "47,527". */
export function grouped(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const [whole = "", fraction] = String(value).split(".");
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? digits : `${digits}.${fraction}`;
}

/** 1536 → "1.5 KiB". */
export function byteSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** 450 → "450 ms", 12345 → "12.3 s", 180000 → "3 min". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 6_000) / 10} min`;
  return `${Math.round(ms / 360_000) / 10} h`;
}

/** Whether bytes that somebody else wrote may move the cursor of this terminal: they may not. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

export interface Paint {
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

const same = (text: string): string => text;
export const plain: Paint = { dim: same, bold: same, good: same, warn: same, bad: same };

/** Colour on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb asks for none. */
export function painter(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const wanted =
    stream.isTTY === true &&
    (environment["NO_COLOR"] ?? "") === "" &&
    environment["TERM"] !== "dumb";
  if (!wanted) return plain;
  const sgr =
    (code: number) =>
    (text: string): string =>
      `\u001b[${code}m${text}\u001b[0m`;
  return { dim: sgr(2), bold: sgr(1), good: sgr(32), warn: sgr(33), bad: sgr(31) };
}

/** Resolves when the line is with the operating system: a message is acked only after that. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

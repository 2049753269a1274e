// The names of figures as people read them: "confirm_p99_ms" is "confirm p99" in "ms".

const units: readonly (readonly [suffix: string, unit: string])[] = [
  ["_per_s", "/s"],
  ["_ms", "ms"],
  ["_mib", "MiB"],
  ["_s", "s"],
  ["_bytes_per_message", "bytes a message"],
];

const words: Readonly<Record<string, string>> = {
  e2e: "end to end",
  p999: "p99.9",
};

export interface Name {
  readonly name: string;
  readonly unit: string;
}

export function nameOf(figure: string): Name {
  if (figure === "cpu_s_per_100k") return { name: "CPU of all nodes", unit: "s per 100,000" };
  if (figure.endsWith("_ratio")) return { name: said(figure.replace("_per_s", "")), unit: "" };
  // "acked_per_s_beside": the unit stands in the middle.
  const inside = /^(\w+)_per_s_(\w+)$/.exec(figure);
  if (inside !== null) return { name: `${said(inside[1])}, ${said(inside[2])}`, unit: "/s" };
  const found = units.find(([suffix]) => figure.endsWith(suffix));
  if (found === undefined) return { name: said(figure), unit: "" };
  return { name: said(figure.slice(0, -found[0].length)), unit: found[1] };
}

function said(text = ""): string {
  return text
    .split("_")
    .map((word) => words[word] ?? word)
    .join(" ");
}

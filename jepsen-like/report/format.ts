// Numbers and times as people read them. No locale: a page looks the same wherever it was made.

/** 41201 → "41,201". */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 gap", "12 gaps". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** "98.2 %"; never "100 %" of what is not all, never "0 %" of what is something. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const tenths = Math.round((part / whole) * 1_000);
  if (tenths === 1_000 && part < whole) return "> 99.9 %";
  if (tenths === 0 && part > 0) return "< 0.1 %";
  return tenths % 10 === 0 ? `${tenths / 10} %` : `${(tenths / 10).toFixed(1)} %`;
}

/** A length of time in microseconds, to two or three digits: "840 µs", "3.2 ms", "1.85 s", "12 min 5 s". */
export function duration(us: number): string {
  if (!Number.isFinite(us)) return "–";
  if (us < 999.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${digits(us / 1_000)} ms`;
  if (us < 99_500_000) return `${digits(us / 1_000_000)} s`;
  const seconds = Math.round(us / 1_000_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

function digits(value: number): string {
  if (value >= 99.5) return value.toFixed(0);
  return value >= 9.95 ? value.toFixed(1) : value.toFixed(2);
}

/** A moment, from the page's zero, in microseconds: "1:23.456", "1:02:03.456"; `places` of a second. */
export function moment(us: number, places = 3): string {
  const units = Math.round(Math.max(0, us) / 10 ** (6 - places));
  const perSecond = 10 ** places;
  const [seconds, rest] = [Math.floor(units / perSecond), units % perSecond];
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  const head = hours > 0 ? `${hours}:${two(minutes)}` : String(minutes);
  const fraction = places > 0 ? `.${String(rest).padStart(places, "0")}` : "";
  return `${head}:${two(seconds % 60)}${fraction}`;
}

/** A number on an axis: "0", "250", "1,200", "12 k", "1.5 M". */
export function short(value: number): string {
  if (value >= 1_000_000) return `${trimmed(value / 1_000_000)} M`;
  return value >= 10_000 ? `${trimmed(value / 1_000)} k` : trimmed(value);
}

function trimmed(value: number): string {
  return value >= 1_000 ? count(value) : String(Number(value.toPrecision(3)));
}

/** "2026-11-21T15:30:00.123Z" → "2026-11-21 15:30:00 UTC"; what is no such date stays as it is. */
export function dated(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, "$1 $2 UTC");
}

/** For coordinates: at most two decimals. */
export function coordinate(value: number): number {
  return Math.round(value * 100) / 100;
}

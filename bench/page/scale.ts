// From values to places, and the round values that are written beside an axis.

export interface Tick {
  /** 0: where the axis begins; 1: where it ends. */
  readonly at: number;
  readonly label: string;
}

export interface Scale {
  readonly ticks: readonly Tick[];
  /** 0 … 1; what lies outside of the axis is at its end. */
  readonly at: (value: number) => number;
}

const within = (place: number): number => Math.min(1, Math.max(0, place));

/** From zero to a round number that is not below `largest`. */
export function linear(largest: number, ticksMax = 5): Scale {
  const max = largest > 0 ? largest : 1;
  const step = roundStep(max / ticksMax);
  const top = step * Math.max(1, Math.ceil(max / step - 1e-9));
  const ticks: Tick[] = [];
  for (let count = 0; count * step <= top * 1.0001; count++)
    ticks.push({ at: (count * step) / top, label: short(count * step) });
  return { ticks, at: (value) => within(value / top) };
}

function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((step) => step * power >= least * 0.999) ?? 10) * power;
}

/** From 1, 2 or 5 times a power of ten to another such number; where there are many decades between them, only these are named. */
export function logarithmic(min: number, max: number): Scale {
  const [low, high] = [roundBelow(min), roundAbove(max)];
  const decades = Math.log10(high / low);
  const place = (value: number): number => Math.log10(value / low) / decades;
  const ticks: Tick[] = [];
  for (let power = Math.floor(Math.log10(low) + 1e-9); 10 ** power <= high * 1.001; power++)
    for (const step of decades > 3 ? [1] : [1, 2, 5]) {
      const value = step * 10 ** power;
      const at = place(value);
      if (at > -1e-6 && at < 1 + 1e-6) ticks.push({ at: within(at), label: short(value) });
    }
  return { ticks, at: (value) => within(value > 0 ? place(value) : 0) };
}

function roundBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return ([5, 2, 1].find((step) => step * power <= value * 1.001) ?? 1) * power;
}

/** Above `value`, and not the same as the number below it: an axis has a length. */
function roundAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return ([2, 5, 10, 20].find((step) => step * power >= value * 0.999) ?? 20) * power;
}

/** Per cent, by how many are left over: each decade of them is equally wide. */
export function percentiles(max: number): Scale {
  const decades = Math.min(5, Math.max(2, Math.ceil(decade(max) - 1e-9)));
  const known = [0, 50, 90, 99, 99.9, 99.99, 99.999];
  const ticks = known
    .filter((percentile) => decade(percentile) <= decades + 1e-9)
    .map((percentile) => ({ at: decade(percentile) / decades, label: `${percentile} %` }));
  return { ticks, at: (percentile) => within(decade(percentile) / decades) };
}

function decade(percentile: number): number {
  return -Math.log10(Math.max(1e-9, 1 - percentile / 100));
}

/** 20000 → "20k", 1500000 → "1.5M". */
export function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

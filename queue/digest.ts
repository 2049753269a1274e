// A rolling hash over everything that apply decided, so that replicas can be compared at an equal index (R9, Q13).
// Two lanes of 32 bits, integer arithmetic only: the same on every machine (G1).

export class Digest {
  high: number;
  low: number;

  constructor(high = 0x243f6a88, low = 0x85a308d3) {
    this.high = high | 0;
    this.low = low | 0;
  }

  /** Integers; beyond 2^32 only the low half counts. */
  mix(value: number): void {
    let { high, low } = this;
    high = Math.imul(high ^ value, 0x9e3779b1);
    high = (high << 13) | (high >>> 19);
    low = Math.imul((low + value) ^ high, 0x85ebca6b);
    this.high = high;
    this.low = (low << 17) | (low >>> 15);
  }

  mixBytes(bytes: string): void {
    let hash = bytes.length;
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash, 31) + bytes.charCodeAt(i);
    this.mix(hash);
  }

  get hex(): string {
    return eight(this.high) + eight(this.low);
  }
}

function eight(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** A number from 0 to 2^32 - 1 that depends on all of these and on nothing else. */
export function scatter(a: number, text: string, b: number, c: number): number {
  const digest = new Digest(a, b);
  digest.mixBytes(text);
  digest.mix(b);
  digest.mix(c);
  return (digest.high ^ digest.low) >>> 0;
}

// What happened in a world, in numbers.

export interface WorldCounters {
  crashes: number;
  powerLosses: number;
  tornWrites: number;
  gracefulStops: number;
  messages: number;
  dropped: number;
  doubled: number;
  reordered: number;
  diskErrors: number;
  wipes: number;
  introductionsRefused: number;
}

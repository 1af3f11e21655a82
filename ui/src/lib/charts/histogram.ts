/** How speeds are distributed over requests. Pure. */

/** Speeds are in tokens per second. */
export interface Histogram {
  bins: number[];
  min: number;
  max: number;
  binSize: number;
  p50: number;
  p95: number;
  p99: number;
}

/** A bar of a histogram: from which speed to which, and how many requests. */
export interface Bar {
  from: number;
  to: number;
  count: number;
}

/** With one value only, there is one bar around it. */
export function bars({ bins, min, max, binSize }: Histogram): Bar[] {
  if (binSize <= 0) return [{ from: min, to: max, count: bins.reduce((a, b) => a + b, 0) }];
  return bins.map((count, index) => ({
    from: min + index * binSize,
    to: min + (index + 1) * binSize,
    count,
  }));
}

/** Where a speed is on the horizontal axis, from 0 to 1. */
export function position({ min, max }: Histogram, value: number): number {
  return max > min ? Math.min(1, Math.max(0, (value - min) / (max - min))) : 0.5;
}

/** Sums and speeds of one model. Pure. */

/** How a speed, in tokens per second, is distributed over the requests. */
export interface Histogram {
  bins: number[];
  min: number;
  max: number;
  binSize: number;
  p50: number;
  p95: number;
  p99: number;
}

/** The answer of `/api/metrics/stats`. */
export interface Stats {
  total_requests: number;
  total_input_tokens: number;
  total_output_tokens: number;
  total_cache_tokens: number;
  prompt_histogram: Histogram | null;
  gen_histogram: Histogram | null;
}

/** A line of `/api/x/activity/totals?by=model`. */
export interface Totals {
  model: string;
  requests: number;
  failed: number;
  cancelled: number;
  duration_ms: number;
  queued_ms: number;
  swapping_ms: number;
  loading_ms: number;
  prompt_per_second: number | null;
  tokens_per_second: number | null;
}

/** Bars of a histogram: from which to which speed, and how high in per cent of the highest. */
export function bars({ bins, min, binSize }: Histogram): {
  from: number;
  to: number;
  count: number;
  height: number;
}[] {
  const most = Math.max(1, ...bins);
  return bins.map((count, index) => ({
    from: min + index * binSize,
    to: min + (index + 1) * binSize,
    count,
    height: (100 * count) / most,
  }));
}

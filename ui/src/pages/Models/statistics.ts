/** What the server tells of the finished requests of one model. */

import type { Histogram } from '$lib/charts/histogram';

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

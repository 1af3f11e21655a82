/** Sums of finished requests, and how their speeds are distributed. Pure. */

import type { Histogram } from '$lib/charts/histogram';
import type { Series } from '$lib/charts/series';

export interface Statistics {
  total_requests: number;
  total_input_tokens: number;
  total_output_tokens: number;
  total_cache_tokens: number;
  prompt_histogram: Histogram | null;
  gen_histogram: Histogram | null;
}

export interface Sums {
  requests: number;
  failed: number;
  cancelled: number;
  input_tokens: number;
  output_tokens: number;
  cache_tokens: number;
  duration_ms: number;
  queued_ms: number;
  swapping_ms: number;
  loading_ms: number;
  prompt_per_second: number | null;
  tokens_per_second: number | null;
}

export type OfModel = Sums & { model: string };
export type OfTime = Sums & { start: string };

type Additive = Exclude<keyof Sums, 'prompt_per_second' | 'tokens_per_second'>;

export function total(sums: readonly Sums[], name: Additive): number {
  return sums.reduce((all, each) => all + each[name], 0);
}

const HOUR = 3_600_000;

/** The steps of a time axis: by hour for a few days, else by day. */
export function stepOf(from: number, to: number): 'hour' | 'day' {
  return to - from > 4 * 24 * HOUR ? 'day' : 'hour';
}

/** What a curve is of, as part of what all curves of a chart add up to. */
export interface Line {
  label: string;
  colour: number;
  of: (sums: Sums) => number;
}

export const TOKENS: readonly Line[] = [
  { label: 'generated', colour: 0, of: (sums) => sums.output_tokens },
  { label: 'prompt', colour: 1, of: (sums) => sums.input_tokens },
  { label: 'cached', colour: 2, of: (sums) => sums.cache_tokens },
];

export const WAITING: readonly Line[] = [
  { label: 'in the queue', colour: 0, of: (sums) => sums.queued_ms },
  { label: 'for others to stop', colour: 2, of: (sums) => sums.swapping_ms },
  { label: 'for its model to load', colour: 1, of: (sums) => sums.loading_ms },
];

export const REQUESTS: readonly Line[] = [
  { label: 'done', colour: 0, of: (sums) => sums.requests - sums.failed - sums.cancelled },
  { label: 'failed', colour: 4, of: (sums) => sums.failed },
  { label: 'cancelled', colour: 1, of: (sums) => sums.cancelled },
];

/** Sums over time as curves; hours and days without requests are zero. */
export function seriesOf(
  data: readonly OfTime[],
  lines: readonly Line[],
  steps: readonly number[],
): Series {
  const curves = lines.map(({ label, colour }) => ({
    label,
    colour,
    values: new Array<number>(steps.length).fill(0),
  }));
  for (const sums of data) {
    // Days of the server's zone may begin at other hours than ours.
    const place = steps.findLastIndex((at) => at <= Date.parse(sums.start));
    lines.forEach(({ of }, index) => {
      const values = curves[index]?.values;
      const value = values?.[place];
      if (values && value !== undefined) values[place] = value + of(sums);
    });
  }
  return { times: steps.map((at) => at / 1000), curves };
}

/** When each hour (of UTC) or day (of this browser's zone) begins, in milliseconds. */
export function steps(from: number, to: number, by: 'hour' | 'day'): number[] {
  const found: number[] = [];
  const at = new Date(from);
  if (by === 'hour') at.setUTCMinutes(0, 0, 0);
  else at.setHours(0, 0, 0, 0);
  while (at.getTime() <= to) {
    found.push(at.getTime());
    if (by === 'hour') at.setTime(at.getTime() + HOUR);
    else at.setDate(at.getDate() + 1);
  }
  return found;
}

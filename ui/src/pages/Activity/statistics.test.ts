import { expect, test } from 'vitest';
import { type Sums, seriesOf, stepOf, steps, TOKENS } from './statistics';

const HOUR = 3_600_000;
const FIRST = Date.UTC(2031, 3, 5, 6);

function sums(start: number, output_tokens: number): Sums & { start: string } {
  return {
    start: new Date(start).toISOString(),
    requests: 1,
    failed: 0,
    cancelled: 0,
    input_tokens: 0,
    output_tokens,
    cache_tokens: 0,
    duration_ms: 0,
    queued_ms: 0,
    swapping_ms: 0,
    loading_ms: 0,
    prompt_per_second: null,
    tokens_per_second: null,
  };
}

test('hours without requests are zero, and no sum is lost', () => {
  const axis = steps(FIRST + 5, FIRST + 3 * HOUR, 'hour');
  expect(axis).toEqual([0, 1, 2, 3].map((hour) => FIRST + hour * HOUR));
  // As of a zone whose hours begin at other times.
  const data = [sums(FIRST, 5), sums(FIRST + 2 * HOUR, 7), sums(FIRST + 2.5 * HOUR, 1)];
  const series = seriesOf(data, TOKENS, axis);
  expect(series.times[0]).toBe(FIRST / 1000);
  expect(series.curves[0]?.values).toEqual([5, 0, 8, 0]);
});

test('what lies before the axis is not on it', () => {
  expect(seriesOf([sums(0, 5)], TOKENS, [FIRST]).curves[0]?.values).toEqual([0]);
});

test('a long time is told by day', () => {
  expect([stepOf(0, 48 * HOUR), stepOf(0, 30 * 24 * HOUR)]).toEqual(['hour', 'day']);
  const days = steps(FIRST, FIRST + 50 * HOUR, 'day').map((at) => new Date(at).getHours());
  expect(days).toEqual([0, 0, 0]);
});

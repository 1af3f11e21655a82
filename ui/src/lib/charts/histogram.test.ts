import { expect, test } from 'vitest';
import { bars, type Histogram, position } from './histogram';

const HISTOGRAM: Histogram = {
  bins: [2, 0, 1],
  min: 10,
  max: 40,
  binSize: 10,
  p50: 12,
  p95: 39,
  p99: 40,
};

test('the bars of a histogram lie side by side', () => {
  expect(bars(HISTOGRAM)).toEqual([
    { from: 10, to: 20, count: 2 },
    { from: 20, to: 30, count: 0 },
    { from: 30, to: 40, count: 1 },
  ]);
});

test('where all speeds are equal there is one bar, with the percentiles in its middle', () => {
  const same = { ...HISTOGRAM, bins: [3], min: 10, max: 10, binSize: 0 };
  expect(bars(same)).toEqual([{ from: 10, to: 10, count: 3 }]);
  expect(position(same, 10)).toBe(0.5);
});

test('a percentile stays within its histogram', () => {
  expect([0, 10, 25, 99].map((value) => position(HISTOGRAM, value))).toEqual([0, 0, 0.5, 1]);
});

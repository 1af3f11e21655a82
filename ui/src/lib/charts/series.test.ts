import { expect, test } from 'vitest';
import { aligned, stacked, totals, valueAt } from './series';

const points = (...pairs: [number, number | null][]) =>
  pairs.map(([at, value]) => ({ at: at * 1000, value }));
const curve = (label: string, ...pairs: [number, number | null][]) => ({
  label,
  colour: 0,
  points: points(...pairs),
});

test('curves that were measured at different times stand at their own', () => {
  const { times, curves } = aligned(
    [curve('a', [0, 1], [10, 2]), curve('b', [5, 7], [10, 8])],
    15_000,
  );
  expect(times).toEqual([0, 5, 10]);
  expect(curves.map(({ values }) => values)).toEqual([
    [1, undefined, 2],
    [undefined, 7, 8],
  ]);
});

test('a long pause is a gap in its curve alone', () => {
  const { times, curves } = aligned(
    [curve('a', [0, 1], [100, 2]), curve('b', [0, 3], [9, 4], [18, 5])],
    10_000,
  );
  expect(times).toEqual([0, 5, 9, 18, 100]);
  expect(curves[0]?.values).toEqual([1, null, null, null, 2]);
  expect(curves[1]?.values).toEqual([3, undefined, 4, 5, undefined]);
});

test('totals leave out what was not measured', () => {
  expect(totals([undefined, 2, null, 6, 4])).toEqual({ last: 4, least: 2, mean: 4, most: 6 });
  expect(totals([null, undefined])).toBeNull();
});

test('between two measurements the earlier one holds, in a gap nothing does', () => {
  const values = [1, undefined, null, undefined, 5];
  expect([0, 1, 2, 3, 4, 9].map((at) => valueAt(values, at))).toEqual([1, 1, null, null, 5, 5]);
  expect(valueAt([], 0)).toBeNull();
});

test('bars stand on those of the curves that follow', () => {
  const curves = [
    [1, 2],
    [10, null],
    [100, undefined],
  ].map((values) => ({
    label: '',
    colour: 0,
    values,
  }));
  expect(stacked(curves)).toEqual([
    [111, 2],
    [110, 0],
    [100, 0],
  ]);
});

import { expect, test } from 'vitest';
import { clusters, load, outline, placed, ticks } from './lanes';

const WINDOW = { from: 0, to: 1000 };

test('what is inside the window has its place', () => {
  expect(placed(250, 500, WINDOW)).toEqual({ left: 25, width: 25 });
});

test('what reaches beyond the window is cut', () => {
  expect(placed(-500, 100, WINDOW)).toEqual({ left: 0, width: 10 });
  expect(placed(900, 5000, WINDOW)).toEqual({ left: 90, width: 10 });
});

test('what is outside has no place', () => {
  expect(placed(-2, 0, WINDOW)).toBeNull();
  expect(placed(1000, 2000, WINDOW)).toBeNull();
});

test('there are a few round moments, in the time of the reader', () => {
  const from = Date.parse('2031-04-05T06:01:10Z');
  const found = ticks({ from, to: from + 900_000 }, 8, 0).map((at) => new Date(at).toISOString());
  expect(found[0]).toBe('2031-04-05T06:02:00.000Z');
  expect(found).toHaveLength(7);
  const [half] = ticks({ from, to: from + 3_600_000 }, 8, -330); // five and a half hours ahead
  expect(new Date(half ?? 0).toISOString()).toBe('2031-04-05T06:10:00.000Z');
});

test('what is too near to one another becomes one, what is outside none', () => {
  const items = [-5, 100, 110, 129, 131, 900, 2000].map((at) => ({ at }));
  const found = clusters(items, WINDOW, 3);
  expect(found.map(({ items: all }) => all.map(({ at }) => at))).toEqual([
    [100, 110, 129],
    [131],
    [900],
  ]);
  expect(found.map(({ left }) => left)).toEqual([10, 13.1, 90]);
});

test('requests that overlap are counted together', () => {
  const rides = [
    { id: '1', model: 'a', begin: 0, served: 100, end: 300 },
    { id: '2', model: 'a', begin: 0, served: 200, end: null },
  ];
  expect(load(rides, 500)).toEqual([
    { at: 100, count: 1 },
    { at: 200, count: 2 },
    { at: 300, count: 1 },
    { at: 500, count: 0 },
  ]);
});

test('the outline rises and falls where the load does', () => {
  const points = [
    { at: -100, count: 1 },
    { at: 250, count: 4 },
    { at: 500, count: 0 },
  ];
  expect(outline(points, WINDOW, 2)).toBe('M0 100V50.0H25.00V0.0H50.00V100.0H100V100Z');
});

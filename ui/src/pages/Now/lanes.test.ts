import { expect, test } from 'vitest';
import type { State } from '$lib/live/wire';
import type { Past } from '$lib/models/past';
import { clusters, drains, load, outline, placed, ticks } from './lanes';

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

test('a model drains from when another was asked for until it makes room', () => {
  const span = (state: State, begin: number, end: number | null) => ({
    state,
    begin,
    end,
    reason: '',
  });
  const past: Past = {
    begun: 0,
    spans: new Map([
      ['a', [span('ready', 10_000, 60_000), span('stopping', 60_000, 61_000)]],
      ['c', [span('ready', 70_000, null)]],
    ]),
    swaps: [
      { at: 60_000, model: 'b', evict: ['a'], reason: '', runnerUp: '', seconds: 2 },
      { at: 65_000, model: 'd', evict: ['a'], reason: '', runnerUp: '', seconds: 2 },
    ],
    failures: [],
  };
  const ride = (model: string, begin: number, served: number) => ({
    id: model,
    model,
    begin,
    served,
    end: served + 1000,
  });
  const rides = [ride('b', 40_000, 62_000), ride('b', 50_000, 62_000), ride('d', 64_900, 66_000)];
  const waits = [
    { begin: 65_000, models: ['c'] },
    { begin: 80_000, models: ['c'] },
  ];
  expect(drains(past, rides, waits, 90_000)).toEqual([
    { model: 'c', begin: 70_000, end: 90_000 },
    { model: 'a', begin: 40_000, end: 60_000 },
  ]);
});

import { expect, test } from 'vitest';
import type { StateEvent } from '$lib/live/wire';
import * as past from './past';

const T0 = Date.parse('2031-04-05T06:00:00Z');
const at = (seconds: number) => new Date(T0 + seconds * 1000).toISOString();

function state(seconds: number, model: string, to: StateEvent['to'], reason = ''): StateEvent {
  return { at: at(seconds), model, generation: 1, from: 'stopped', to, reason, seconds: 0 };
}

function swap(seconds: number, model: string, ...evict: string[]) {
  return { at: at(seconds), model, evict, reason: 'same group', runner_up: '' };
}

/** b is loaded and drives a out. */
function story(): past.Past {
  let now = past.nothingBefore(T0);
  now = past.afterSwap(now, swap(0, 'a'));
  now = past.afterState(now, state(0, 'a', 'starting'));
  now = past.afterState(now, state(3, 'a', 'ready'));
  now = past.afterSwap(now, swap(10, 'b', 'a'));
  now = past.afterState(now, state(10, 'a', 'stopping', 'evicted for b'));
  now = past.afterState(now, state(11, 'a', 'stopped'));
  now = past.afterState(now, state(11, 'b', 'starting'));
  now = past.afterState(now, state(16, 'b', 'ready'));
  return now;
}

test('each state ends where the next begins', () => {
  expect(story().spans.get('a')).toMatchObject([
    { state: 'starting', begin: T0, end: T0 + 3000 },
    { state: 'ready', end: T0 + 10_000 },
    { state: 'stopping', end: T0 + 11_000, reason: 'evicted for b' },
    { state: 'stopped', end: null },
  ]);
});

test('a swap lasts until its model is ready', () => {
  expect(story().swaps.map(({ seconds }) => seconds)).toEqual([3, 6]);
  expect(past.summary(story())).toEqual({ swaps: 2, seconds: 9 });
});

test('news that was fetched already changes nothing', () => {
  const now = story();
  expect(past.afterState(now, state(16, 'b', 'ready'))).toBe(now);
  expect(past.afterSwap(now, swap(10, 'b', 'a'))).toBe(now);
});

test('every change has its cause, the latest first', () => {
  const told = past.changes(story()).map(({ model, change, cause }) => [model, change, cause]);
  expect(told).toEqual([
    ['b', 'ready', ''],
    ['a', 'stopped', ''],
    ['b', 'starting', 'requested, stops a (same group)'],
    ['a', 'stopping', 'evicted for b'],
    ['a', 'ready', ''],
    ['a', 'starting', 'requested'],
  ]);
});

test('an old swap is not the cause of a later start', () => {
  const now = past.afterState(
    past.afterState(
      past.afterState(story(), state(20, 'b', 'stopping')),
      state(21, 'b', 'stopped'),
    ),
    state(30, 'b', 'starting', 'preload'),
  );
  expect(past.changes(now)[0]).toMatchObject({ cause: 'preload', lasted: 9000, before: 'stopped' });
});

test('only models that were up, or failed, are in a window', () => {
  const now = past.afterFailure(story(), { at: at(40), model: 'c', reason: 'exit status 1' });
  expect(past.modelsIn(now, T0 + 12_000, T0 + 60_000)).toEqual(['b', 'c']);
  expect(past.modelsIn(now, T0, T0 + 60_000)).toEqual(['a', 'b', 'c']);
});

test('what ended long ago is forgotten', () => {
  const now = past.since(story(), T0 + 10_500);
  expect(now.spans.get('a')?.map(({ state: name }) => name)).toEqual(['stopping', 'stopped']);
  expect(now.swaps).toEqual([]);
});

test('models that drive one another out again and again are found', () => {
  let now = story();
  expect(past.alternation(now, T0)).toBeNull();
  now = past.afterSwap(now, swap(20, 'a', 'b'));
  now = past.afterSwap(now, swap(30, 'b', 'a'));
  now = past.afterSwap(now, swap(40, 'a', 'b'));
  expect(past.alternation(now, T0)).toEqual({ models: ['a', 'b'], times: 4 });
  expect(past.alternation(now, T0 + 15_000)).toBeNull();
});

test('the server tells the same in one answer', () => {
  const told = past.fromTimeline({
    begun: at(0),
    models: { a: [{ state: 'ready', from: at(1), to: null, reason: '' }] },
    swaps: [{ ...swap(0, 'a'), seconds: 1 }],
    failures: [{ at: at(2), model: 'b', reason: 'no file' }],
  });
  expect(told.spans.get('a')).toEqual([
    { state: 'ready', begin: T0 + 1000, end: null, reason: '' },
  ]);
  expect(told.swaps[0]).toMatchObject({ at: T0, runnerUp: '', seconds: 1 });
  expect(told.failures[0]?.at).toBe(T0 + 2000);
});

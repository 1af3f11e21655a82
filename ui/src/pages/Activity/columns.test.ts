import { expect, test } from 'vitest';
import { type Arrangement, arranged, COLUMNS, isArrangement, moved, toggled } from './columns';
import { row } from './testing';

const ids = (columns: readonly { id: string }[]) => columns.map(({ id }) => id);

test('without a wish the columns are as they come', () => {
  expect(ids(arranged([]))).toEqual(ids(COLUMNS));
});

test('a wish is kept, unknown columns are dropped, and new ones come where they usually are', () => {
  const wish: Arrangement = [
    ['time', true],
    ['gone', true],
    ['id', false],
  ];
  const columns = arranged(wish);
  expect(ids(columns).slice(0, 3)).toEqual(['time', 'model', 'req_path']);
  expect(columns.find(({ id }) => id === 'id')?.visible).toBe(false);
  expect(new Set(ids(columns))).toEqual(new Set(ids(COLUMNS)));
});

test('the column of the model is not on the page of a model', () => {
  expect(ids(arranged([], ['model']))).not.toContain('model');
});

test('a column moves, and not beyond the edges', () => {
  const before = arranged([]);
  const after = arranged(moved(before, 'time', -1));
  expect(ids(after).slice(0, 2)).toEqual(['time', 'id']);
  expect(ids(arranged(moved(after, 'time', -1)))[0]).toBe('time');
});

test('a column is shown or hidden alone', () => {
  const after = arranged(toggled(arranged([]), 'meta'));
  expect(after.filter(({ visible }) => visible)).toHaveLength(
    COLUMNS.filter(({ shown }) => shown).length + 1,
  );
});

test('only lists of pairs are taken for a wish', () => {
  expect([[['id', true]], [], [['id']], 'x', [['id', 1]]].map(isArrangement)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('cells say nothing where nothing is known', () => {
  const told = COLUMNS.map(({ id, text }) => [id, text(row({ model: '' }))]);
  expect(Object.fromEntries(told)).toMatchObject({
    model: '–',
    cached: '–',
    prompt: '–',
    prompt_speed: '–',
    drafted: '–',
    waited: '–',
    client: '–',
    meta: '–',
    duration: '1.00s',
  });
});

test('a speed that a server with tokens could not tell is unknown', () => {
  const speed = COLUMNS.find(({ id }) => id === 'gen_speed');
  expect(speed?.text(row({}, { input_tokens: 3, tokens_per_second: -1 }))).toBe('unknown');
});

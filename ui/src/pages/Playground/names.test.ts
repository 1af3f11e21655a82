import { expect, test } from 'vitest';
import type { Model } from '$lib/live/state';
import { beginning, grouped, type Listed, likeliest, searched } from './names';

const model = (id: string, state: string, peerID = ''): Model => ({
  id,
  name: '',
  description: '',
  state,
  unlisted: false,
  peerID,
  details: null,
});

const LISTED: Listed[] = [
  { id: 'draw', capabilities: { image_generation: true }, meta: { llamaswap: { type: 'model' } } },
  { id: 'evening', meta: { llamaswap: { type: 'profile' } } },
  { id: 'm-10', name: 'Ten', meta: { llamaswap: { type: 'model', aliases: ['ten'] } } },
  { id: 'm-9', meta: {} },
  { id: 'ten', meta: { llamaswap: { type: 'alias', modelID: 'm-10' } } },
  { id: 'box/far', meta: { llamaswap: { type: 'peer' } } },
  { id: 'any', meta: { llamaswap: { type: 'selector' } } },
];
const MODELS = [
  model('draw', 'stopped'),
  model('m-9', 'stopped'),
  model('m-10', 'ready'),
  model('box/far', '', 'box'),
];

test('names come in groups, those that are up first, aliases behind their model', () => {
  const groups = grouped(LISTED, MODELS, [], ['image_generation']);
  expect(groups.map(({ title, names }) => [title, names.map(({ id }) => id)])).toEqual([
    ['Profile', ['evening']],
    ['Made for this', ['draw']],
    ['Selectors', ['any']],
    ['Models', ['m-10', 'ten', 'm-9']],
    ['Peers', ['box/far']],
  ]);
});

test('what was used last comes first in its group, with its aliases', () => {
  const groups = grouped(LISTED, MODELS, [], [], ['m-9', 'draw', 'gone']);
  const local = groups.find(({ title }) => title === 'Models');
  expect(local?.names.map(({ id }) => id)).toEqual(['m-9', 'draw', 'm-10', 'ten']);
});

test('a search looks at names, titles and what an alias means', () => {
  const groups = grouped(LISTED, MODELS, [], []);
  const found = (text: string) =>
    searched(groups, text).flatMap(({ names }) => names.map(({ id }) => id));
  expect(found('TEN')).toEqual(['m-10', 'ten']);
  expect(found('m 9')).toEqual(['m-9']);
  expect(found('nothing')).toEqual([]);
});

test('what is called so is meant before what only speaks of it', () => {
  const listed = [{ id: 'b', description: 'a makes room for it' }, { id: 'box/a' }, { id: 'a-1' }];
  const found = (text: string) => likeliest(searched(grouped(listed, [], [], []), text), text);
  expect(found('a')).toBe('a-1');
  expect(found('x/A')).toBe('box/a');
  expect(found('room')).toBe('b');
  expect(found('nothing')).toBe('');
});

test('what is up is taken to begin with, for a purpose only what is made for it', () => {
  const groups = grouped(LISTED, MODELS, [], []);
  expect(beginning(groups, [])).toBe('m-10');
  expect(beginning(groups, ['image_generation'])).toBe('draw');
  expect(beginning(groups, ['reranker'])).toBe('');
});

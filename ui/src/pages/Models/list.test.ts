import { expect, test } from 'vitest';
import type { Model } from '$lib/live/state';
import { listed, named, type Wish } from './list';

function model(id: string, more: Partial<Model> = {}): Model {
  return {
    id,
    name: '',
    description: '',
    state: 'stopped',
    unlisted: false,
    peerID: '',
    details: null,
    ...more,
  };
}

const MODELS = [
  model('qwen-9', { description: 'quick and small' }),
  model('qwen-10', { aliases: ['fast'], capabilities: { vision: true } }),
  model('up', { state: 'ready' }),
  model('soon', { state: 'starting' }),
  model('hidden', { unlisted: true }),
  model('peer/rose', { peerID: 'peer', state: '' }),
  model('broken', {
    details: {
      id: 'broken',
      state: 'stopped',
      since: '',
      reason: '',
      load_seconds: [],
      failure: { at: '', reason: 'exit status 1' },
    },
  }),
];
const USED: Record<string, number> = { up: 1, 'qwen-10': 2 };
const WISH: Wish = {
  search: '',
  filter: 'all',
  capability: '',
  unlisted: false,
  sort: 'state',
  usedAt: (id) => USED[id],
};
const ids = (wish: Partial<Wish>) => listed(MODELS, [], { ...WISH, ...wish }).map(({ id }) => id);

test('what was used last comes first if that is wished', () => {
  expect(ids({ sort: 'used' }).slice(0, 3)).toEqual(['qwen-10', 'up', 'broken']);
});

test('what is up comes first, and names count their numbers', () => {
  expect(ids({})).toEqual(['up', 'soon', 'broken', 'qwen-9', 'qwen-10', 'peer/rose']);
  expect(ids({ sort: 'name' })).toEqual(['broken', 'peer/rose', 'qwen-9', 'qwen-10', 'soon', 'up']);
});

test.each([
  [{ filter: 'up' }, ['up', 'soon']],
  [{ filter: 'failed' }, ['broken']],
  [{ filter: 'peers' }, ['peer/rose']],
  [{ capability: 'vision' }, ['qwen-10']],
  [{ search: 'SMALL quick' }, ['qwen-9']],
  [{ search: 'fast' }, ['qwen-10']],
  [{ search: 'nothing like it' }, []],
] satisfies [Partial<Wish>, string[]][])('%j leaves %j', (wish, expected) => {
  expect(ids(wish)).toEqual(expected);
});

test('models that are not listed are shown on demand', () => {
  expect(ids({ unlisted: true, search: 'hidden' })).toEqual(['hidden']);
});

test('an alias means its model, and an ID comes before an alias', () => {
  expect(named(MODELS, 'fast')?.id).toBe('qwen-10');
  expect(named([model('x', { aliases: ['up'] }), ...MODELS], 'up')?.id).toBe('up');
  expect(named(MODELS, 'none')).toBeUndefined();
});

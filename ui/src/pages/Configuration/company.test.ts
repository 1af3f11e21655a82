import { expect, test } from 'vitest';
import { companyOf } from './company';

const routed = (settings: object) => ({ routing: { router: { settings } } });

test('a model is in one group, and beside whom it runs is said', () => {
  const groups = {
    big: { swap: true, exclusive: true, persistent: false, members: ['a', 'b'] },
    small: { swap: false, exclusive: false, persistent: true, members: ['c'] },
    '(default)': { swap: true, exclusive: true, persistent: false, members: ['d'] },
  };
  const of = (model: string) => companyOf(routed({ groups, matrix: null }), model);
  expect(of('a')).toEqual([
    { name: 'Group big', words: 'one runs at a time, other groups make room', others: ['b'] },
  ]);
  expect(of('c')[0]?.words).toBe(
    'they run beside one another, other groups stay, and stop none of it',
  );
  expect(of('d')[0]?.name).toBe('No group');
  expect(companyOf({}, 'a')).toEqual([]);
});

test('a model is in the sets of the matrix that mention it, through others too', () => {
  const matrix = {
    vars: { l: 'org/large', 'größe.1': 'small' },
    sets: { pair: 'l & größe.1', all: '+pair | (embed & +all)', other: 'embed' },
  };
  const of = (model: string) => companyOf(routed({ groups: {}, matrix }), model);
  expect(of('org/large')).toEqual([
    { name: 'Set pair', words: 'l & größe.1', others: ['small'] },
    { name: 'Set all', words: '+pair | (embed & +all)', others: ['embed', 'small'] },
  ]);
  expect(of('embed').map(({ name }) => name)).toEqual(['Set all', 'Set other']);
  expect(of('nobody')).toEqual([{ name: 'No set', words: 'it runs alone', others: [] }]);
});

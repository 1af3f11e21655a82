import { expect, test } from 'vitest';
import { overrides } from './overrides';

const ACTIVE = {
  models: {
    plain: {},
    a: {
      aliases: ['first'],
      filters: {
        stripParams: 'top_k, temperature,',
        setParams: { temperature: 0.5 },
        setParamsByID: { 'a:hot': { temperature: 2 } },
      },
    },
  },
  peers: { box: { models: ['far'], filters: { setParams: { user: 'x' } } } },
};

test.each([
  ['a', 'sets temperature to 0.5, removes top_k for a.'],
  ['first', 'sets temperature to 0.5, removes top_k for first.'],
  ['a:hot', 'sets temperature to 2, removes top_k for a:hot.'],
  ['far', 'sets user to "x" for far.'],
])('what is done to requests for %s is told', (name, words) => {
  expect(overrides(ACTIVE, name)).toBe(`Whatever is wished for here, hotbay ${words}`);
});

test('where nothing is done nothing is told', () => {
  expect([overrides(ACTIVE, 'plain'), overrides(ACTIVE, 'unknown'), overrides({}, 'a')]).toEqual([
    '',
    '',
    '',
  ]);
});

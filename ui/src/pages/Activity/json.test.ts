import { expect, test } from 'vitest';
import { entriesOf, summaryOf } from './json';

test('what is folded tells what it is', () => {
  expect(
    [[], [1, 2], {}, { a: 1, b: 2 }, { id: 'x', role: 'user' }, { type: 5 }].map(summaryOf),
  ).toEqual(['[]', '[2]', '{}', '{a, b}', '{id: x}', '{type}']);
  expect(summaryOf({ name: 'x'.repeat(200) }).length).toBeLessThan(80);
});

test('members have their names, or their places', () => {
  expect(entriesOf(['a'])).toEqual([['0', 'a']]);
  expect(entriesOf({ k: 1 })).toEqual([['k', 1]]);
  expect(entriesOf(null)).toEqual([]);
});

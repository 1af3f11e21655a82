import { expect, test } from 'vitest';
import { preferencesIn } from './file';

test('only an object is a file of preferences', () => {
  expect(preferencesIn('{"theme": "dark"}')).toEqual({ theme: 'dark' });
  expect(['x', '[]', '5', 'null'].map(preferencesIn)).toEqual([
    'is not JSON.',
    ...Array(3).fill('is no file that was exported here.'),
  ]);
});

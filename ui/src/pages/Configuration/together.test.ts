import { expect, test } from 'vitest';
import { orderOf } from './together';

const stops = (target: string, ...evict: string[]) => ({ target, evict });

test('models that spare one another may come in any order', () => {
  expect(orderOf([stops('a'), stops('b'), stops('c')])).toEqual(['a', 'b', 'c']);
  expect(orderOf([])).toEqual([]);
});

test('a model that stops another has to come before it', () => {
  expect(orderOf([stops('a'), stops('b', 'a'), stops('c', 'b')])).toEqual(['c', 'b', 'a']);
});

test('models that stop one another never run together', () => {
  expect(orderOf([stops('a', 'b'), stops('b', 'a')])).toBeNull();
  expect(orderOf([stops('a', 'b'), stops('b', 'c'), stops('c', 'a'), stops('d')])).toBeNull();
});

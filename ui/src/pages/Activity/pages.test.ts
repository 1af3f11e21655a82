import { expect, test } from 'vitest';
import { pageNumbers } from './pages';

test('few pages are all there', () => {
  expect(pageNumbers(1, 0)).toEqual([]);
  expect(pageNumbers(2, 3)).toEqual([1, 2, 3]);
  expect(pageNumbers(9, 9)).toHaveLength(9);
});

test('of many pages the first, the last and those around are there', () => {
  expect(pageNumbers(1, 50)).toEqual([1, 2, 3, 4, 5, 6, 7, null, 50]);
  expect(pageNumbers(20, 50)).toEqual([1, null, 18, 19, 20, 21, 22, null, 50]);
  expect(pageNumbers(50, 50)).toEqual([1, null, 44, 45, 46, 47, 48, 49, 50]);
});

test('however many there are, the numbers fit and name no page twice', () => {
  for (let pages = 1; pages < 40; pages += 1) {
    for (let page = 1; page <= pages; page += 1) {
      const numbers = pageNumbers(page, pages).filter((number) => number !== null);
      expect(numbers).toContain(page);
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(pageNumbers(page, pages).length).toBeLessThanOrEqual(9);
    }
  }
});

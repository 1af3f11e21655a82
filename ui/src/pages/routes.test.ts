import { expect, test } from 'vitest';
import { PAGES, pageOf } from './routes';

test('no two pages share an address or a key', () => {
  expect(new Set(PAGES.map(({ id }) => id)).size).toBe(PAGES.length);
  expect(new Set(PAGES.map(({ key }) => key)).size).toBe(PAGES.length);
});

test('what does not exist is the page to start with', () => {
  expect(pageOf('logs').id).toBe('logs');
  expect(pageOf('').id).toBe('now');
  expect(pageOf('no-such-page', 'models').id).toBe('models');
  expect(pageOf('', 'no-such-page').id).toBe('now');
});

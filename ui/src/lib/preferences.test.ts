import { beforeEach, expect, test } from 'vitest';
import { exported, flag, imported, oneOf, resetAll } from './preferences.svelte';

beforeEach(() => localStorage.clear());

test('what is exported is what was chosen, also by pages that were not visited', () => {
  const sort = oneOf('test.sort', ['up', 'down'], 'up');
  sort.value = 'down';
  localStorage.setItem('hotbay.elsewhere', '[1]');
  localStorage.setItem('foreign', '1');
  expect(exported()).toEqual({ 'test.sort': 'down', elsewhere: [1] });
});

test('what is imported holds at once, and what is not one of ours is left at its default', () => {
  const sort = oneOf('test.sort2', ['up', 'down'], 'up');
  const open = flag('test.open', false);
  imported({ 'test.sort2': 'sideways', 'test.open': true, 'test.later': true });
  expect([sort.value, open.value]).toEqual(['up', true]);
  expect(flag('test.later', false).value).toBe(true);
});

test('after a reset everything is as at first', () => {
  const open = flag('test.open2', false);
  open.value = true;
  localStorage.setItem('hotbay.elsewhere', '[1]');
  localStorage.setItem('foreign', '1');
  resetAll();
  expect(open.value).toBe(false);
  expect(Object.keys(localStorage)).toEqual(['foreign']);
});

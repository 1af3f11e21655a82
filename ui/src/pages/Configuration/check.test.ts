import { expect, test } from 'vitest';
import { type Checked, changeWords, LARGEST, linesWith, offsetOf, tooLarge } from './check';

const at = (line: number) => ({ line, column: 1, path: '', message: '', source_line: '' });

test('a line with a mistake and a warning has a mistake', () => {
  const checked: Checked = {
    ok: false,
    errors: [at(2), at(0)],
    warnings: [at(2), at(5)],
    models: null,
  };
  expect([...linesWith(checked)].sort()).toEqual([
    [2, 'error'],
    [5, 'warning'],
  ]);
});

test('a place in a text is found, and never lies outside', () => {
  const text = 'a: 1\nbc: 2\n';
  expect([offsetOf(text, 1, 1), offsetOf(text, 2, 1), offsetOf(text, 2, 5)]).toEqual([0, 5, 9]);
  expect([offsetOf(text, 2, 99), offsetOf(text, 99, 1), offsetOf('', 1, 1)]).toEqual([10, 11, 0]);
});

test('a text that the server would refuse is not sent', () => {
  expect(tooLarge('x'.repeat(LARGEST))).toBe('');
  expect(tooLarge('ü'.repeat(LARGEST / 2 + 1))).toContain('256.0 KB');
});

test('running models that would be stopped are told apart', () => {
  const models = [
    { id: 'a', state: 'ready' },
    { id: 'b', state: 'stopped' },
  ];
  expect(changeWords({ added: ['n'], removed: ['b'], changed: ['a', 'c'] }, models)).toEqual([
    { what: 'Added', models: ['n'] },
    { what: 'Gone', models: ['b'] },
    { what: 'Changed, and so stopped now', models: ['a'] },
    { what: 'Changed', models: ['c'] },
  ]);
  expect(changeWords({ added: [], removed: [], changed: [] }, models)).toEqual([]);
});

import { expect, test } from 'vitest';
import { KEPT, LineBuffer, overlap } from './lines';

const history = (text: string, model: string | null = null) => [{ text, model }];
const texts = (buffer: LineBuffer) => buffer.lines.map(({ text }) => text);

test('a line counts once its end has come', () => {
  const buffer = new LineBuffer();
  expect(buffer.push('one\ntw')).toMatchObject([{ number: 1, text: 'one' }]);
  expect(buffer.push('o\n')).toMatchObject([{ number: 2, text: 'two' }]);
});

test('pieces of two models do not run into one another', () => {
  const buffer = new LineBuffer();
  buffer.push('from ', 'a');
  buffer.push('from b\n', 'b');
  buffer.push('a\n', 'a');
  expect(buffer.lines).toMatchObject([
    { text: 'from b', model: 'b' },
    { text: 'from a', model: 'a' },
  ]);
});

test('of a progress bar the last state is kept', () => {
  const buffer = new LineBuffer();
  buffer.push('10%\r50%\r100%\nnext\r\n');
  expect(texts(buffer)).toEqual(['100%', 'next']);
});

test('a line without an end does not grow for ever', () => {
  const buffer = new LineBuffer();
  for (let piece = 0; piece < 20; piece += 1) buffer.push('x'.repeat(1000));
  expect(buffer.lines).toHaveLength(1);
});

test('no more lines are kept than there is room for', () => {
  const buffer = new LineBuffer();
  buffer.push(Array.from({ length: KEPT + 5 }, (_, n) => `${n}\n`).join(''));
  expect(buffer.lines).toHaveLength(KEPT);
  expect(buffer.lines.at(-1)?.text).toBe(String(KEPT + 4));
});

test('a history that goes on from what is known adds only what is new', () => {
  const buffer = new LineBuffer();
  buffer.push('a\nb\nc\n');
  expect(buffer.resume(history('x\na\nb\nc\nd\n'))).toMatchObject([{ number: 4, text: 'd' }]);
  expect(texts(buffer)).toEqual(['a', 'b', 'c', 'd']);
});

test('a history without what is known is added behind a mark', () => {
  const buffer = new LineBuffer();
  buffer.push('a\nb\n');
  buffer.resume(history('y\nz\n'));
  expect(texts(buffer)).toEqual(['a', 'b', expect.stringContaining('missing'), 'y', 'z']);
});

test('what has no end in a history is completed by what follows', () => {
  const buffer = new LineBuffer();
  buffer.resume(history('a\nhal'));
  buffer.push('f\n');
  expect(texts(buffer)).toEqual(['a', 'half']);
});

test('of a history it is known whose each line is', () => {
  const buffer = new LineBuffer();
  buffer.resume([
    { model: 'a', text: 'from ' },
    { model: 'b', text: 'from b\nhal' },
    { model: 'a', text: 'a\n' },
  ]);
  buffer.push('f\n', 'b');
  expect(buffer.lines).toMatchObject([
    { text: 'from b', model: 'b' },
    { text: 'from a', model: 'a' },
    { text: 'half', model: 'b' },
  ]);
});

test('an overlap is found wherever it ends', () => {
  expect(overlap('abc', 'cde')).toBe(1);
  expect(overlap('abcc', 'cc')).toBe(2);
  expect(overlap('abc', 'xyz')).toBe(0);
  expect(overlap('', 'a')).toBe(0);
});

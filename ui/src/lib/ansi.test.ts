import { expect, test } from 'vitest';
import { PLAIN, plain, spans } from './ansi';

test('a line without sequences is one piece', () => {
  expect(spans('plain')).toEqual([{ text: 'plain', style: PLAIN }]);
  expect(spans('')).toEqual([]);
});

test('colours and styles hold until they are taken back', () => {
  expect(spans('a\x1b[1;31mb\x1b[22mc\x1b[0md')).toEqual([
    { text: 'a', style: PLAIN },
    { text: 'b', style: { ...PLAIN, bold: true, front: 1 } },
    { text: 'c', style: { ...PLAIN, front: 1 } },
    { text: 'd', style: PLAIN },
  ]);
});

test.each([
  ['\x1b[91mx', { front: 9 }],
  ['\x1b[44mx', { back: 4 }],
  ['\x1b[103mx', { back: 11 }],
  ['\x1b[38;5;9mx', { front: 9 }],
  ['\x1b[38;5;196mx', { front: 'rgb(255 0 0)' }],
  ['\x1b[48;5;244mx', { back: 'rgb(128 128 128)' }],
  ['\x1b[38;2;1;2;300;4mx', { front: 'rgb(1 2 255)', underline: true }],
  ['\x1b[3;9mx', { italic: true, strike: true }],
])('%j is understood', (line, style) => {
  expect(spans(line)).toEqual([{ text: 'x', style: { ...PLAIN, ...style } }]);
});

test('an empty parameter takes everything back', () => {
  expect(spans('\x1b[4mx\x1b[my').at(-1)).toEqual({ text: 'y', style: PLAIN });
});

test('other sequences leave nothing behind', () => {
  const line = 'a\x1b[2Kb\x1b[1;5Hc\x1b]0;title\x07d\x1b]8;;http://x\x1b\\e\x1b[?25lf';
  expect(plain(line)).toBe('abcdef');
  expect(spans('a\x1b[2Kb')).toEqual([{ text: 'ab', style: PLAIN }]);
});

test('markup is text', () => {
  expect(spans('<b onclick=x>')).toEqual([{ text: '<b onclick=x>', style: PLAIN }]);
});

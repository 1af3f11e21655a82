import { expect, test } from 'vitest';
import { ending, fileName, voicesIn } from './voices';

test.each([
  [
    ['a', 'b', 'a'],
    ['a', 'b'],
  ],
  [{ voices: ['a', { id: 'b' }, { name: 'c' }, 5, null] }, ['a', 'b', 'c']],
  [{}, []],
  [null, []],
  ['a', []],
  [{ voices: 'a' }, []],
])('the voices in %j', (answer, voices) => {
  expect(voicesIn(answer)).toEqual(voices);
});

test('a file is called after what it really is', () => {
  expect(ending('audio/WAV; rate=8000', 'mp3')).toBe('wav');
  expect(ending('application/octet-stream', 'opus')).toBe('opus');
  expect(ending('', '')).toBe('mp3');
  const at = new Date('2031-04-05T06:07:08Z');
  expect(fileName('../ada lovelace', at, 'wav')).toBe('-ada-lovelace-2031-04-05T06-07-08.wav');
});

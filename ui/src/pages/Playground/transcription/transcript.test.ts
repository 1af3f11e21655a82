import { expect, test } from 'vitest';
import { isSound, place, transcriptIn } from './transcript';

test('every format is understood', () => {
  expect(transcriptIn('{"text": " Hi "}', 'json')).toEqual({
    text: 'Hi',
    segments: [],
    ending: 'txt',
  });
  const segment = { start: 0, end: 1.5, text: 'Hi' };
  const verbose = JSON.stringify({ text: 'Hi', segments: [segment, { start: 'x' }, null] });
  expect(transcriptIn(verbose, 'verbose_json').segments).toEqual([segment]);
  expect(transcriptIn('Hi\n', 'text')).toMatchObject({ text: 'Hi', ending: 'txt' });
  expect(transcriptIn('1\n00:00', 'srt').ending).toBe('srt');
});

test('an answer without a text is told', () => {
  expect(() => transcriptIn('{}', 'json')).toThrow('no text');
  expect(() => transcriptIn('oh', 'json')).toThrow();
});

test('places have hours only if they need them', () => {
  expect([0, 62.34, 3723.45].map(place)).toEqual(['0:00.0', '1:02.3', '1:02:03.5']);
});

test('sounds are known by their kind or their name', () => {
  expect(isSound({ name: 'x', type: 'audio/x' })).toBe(true);
  expect(isSound({ name: 'x.M4A', type: '' })).toBe(true);
  expect(isSound({ name: 'x.txt', type: 'text/plain' })).toBe(false);
});

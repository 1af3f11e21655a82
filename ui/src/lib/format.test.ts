import { expect, test } from 'vitest';
import * as format from './format';

test('bytes have two decimals below ten and one above', () => {
  expect(
    [0, 1023, 1536, 12.3 * 1024 ** 2, 5 * 1024 ** 4, 2000 * 1024 ** 4].map(format.bytes),
  ).toEqual(['0 B', '1023 B', '1.50 KB', '12.3 MB', '5.00 TB', '2000.0 TB']);
});

test('capacities have fewer decimals the larger they are', () => {
  const gib = 1024 ** 3;
  expect(
    [null, 0, 640 * 1024 ** 2, 7.8 * gib, 23.94 * gib, 503.3 * gib].map(format.capacity),
  ).toEqual(['Not detected', 'Not detected', '640 MiB', '7.80 GiB', '23.9 GiB', '503 GiB']);
});

test('an age names the two units that matter', () => {
  const minute = 60_000;
  expect([-5, 8_900, 12 * minute, 185 * minute, 52 * 60 * minute].map(format.age)).toEqual([
    '0 s',
    '8 s',
    '12 min',
    '3 h 05',
    '2 d 4 h',
  ]);
});

test('what is over is told exactly if it was short', () => {
  expect([-5, 430, 9_900, 10_000, 90_000].map(format.lasting)).toEqual([
    '0.0 s',
    '0.4 s',
    '9.9 s',
    '10 s',
    '1 min',
  ]);
});

test('how long ago is told in words for a day, then as a moment', () => {
  const then = new Date(2031, 3, 5, 6, 7, 8);
  const at = (seconds: number) => format.ago(then, then.getTime() + seconds * 1000);
  expect([4, 5, 59, 60, 3600, 86_399, 86_400].map(at)).toEqual([
    'now',
    '5s ago',
    '59s ago',
    '1m ago',
    '1h ago',
    '23h ago',
    '2031-04-05 06:07:08',
  ]);
});

test('a speed that the server could not tell is unknown', () => {
  expect([-1, 0, 12.345].map(format.speed)).toEqual(['unknown', '0.00 t/s', '12.35 t/s']);
});

test('context lengths have decimal units', () => {
  expect([512, 32_768, 131_072, 1_048_576].map(format.contextLength)).toEqual([
    '512',
    '33K',
    '131K',
    '1.0M',
  ]);
});

test('accepted drafts are told in per cent and as a fraction', () => {
  expect(format.drafts(31, 40)).toBe('77.5% (31/40)');
  expect(format.drafts(0, 0)).toBe('–');
});

test('a long name keeps its end', () => {
  expect(format.middleCut('a-model-with-a-long-name-Q4_K_M.gguf', 24)).toBe(
    'a-model-with-…4_K_M.gguf',
  );
  expect(format.middleCut('short', 24)).toBe('short');
});

test('names sort by the numbers in them', () => {
  expect(['m-10', 'm-9', 'a'].sort(format.byName)).toEqual(['a', 'm-9', 'm-10']);
});

test('a count has its noun in the right number', () => {
  expect([format.counted(1, 'request'), format.counted(3, 'request')]).toEqual([
    '1 request',
    '3 requests',
  ]);
});

import { expect, test } from 'vitest';
import { asCsv, bars, change, type Row, seconds, tokens } from './figures';

const ROW: Row = {
  index: 0,
  model: 'a',
  begin: 1,
  seconds: 4,
  first_token: 2,
  phases_ms: { queued: 500, swapping: 0, loading: 1000 },
  prompt_tokens: 3,
  tokens: 9,
  tokens_per_second: 4.5,
  error: '',
};

test('a bar is the queue, the loading, the prompt, and the answer', () => {
  expect(bars(ROW)).toEqual([
    { kind: 'queued', from: 1, to: 1.5 },
    { kind: 'loading', from: 1.5, to: 2.5 },
    { kind: 'first', from: 2.5, to: 3 },
    { kind: 'answering', from: 3, to: 5 },
  ]);
  expect(bars({ ...ROW, phases_ms: null }).map(({ kind }) => kind)).toEqual(['first', 'answering']);
});

test('the part in which it failed is told', () => {
  expect(bars({ ...ROW, error: 'x' }).at(-1)?.kind).toBe('failed');
  const early = { ...ROW, first_token: null, error: 'x' };
  expect(bars({ ...early, phases_ms: null })).toEqual([{ kind: 'failed', from: 1, to: 5 }]);
  expect(bars({ ...early, phases_ms: { queued: 1000, loading: 3000 } })).toEqual([
    { kind: 'queued', from: 1, to: 2 },
    { kind: 'failed', from: 2, to: 5 },
  ]);
});

test('a change is told in per cent', () => {
  expect([change(3, 2), change(1, 2), change(2, 2), change(2, undefined), change(1, 0)]).toEqual([
    '+50%',
    '−50%',
    '±0%',
    '',
    '',
  ]);
});

test('no cell of the table is a formula or breaks it', () => {
  const csv = asCsv([{ ...ROW, model: '=a', error: 'x,"y"\nz', first_token: null }]);
  expect(csv.split('\n', 2)[1]).toContain('0,\'=a,1,4,0.5,1,,3,9,4.5,"x,""y""');
});

test('figures have as many digits as say something', () => {
  expect([0.0854, 0.9, 1.254, 12.54].map(seconds)).toEqual(['85 ms', '900 ms', '1.25 s', '12.5 s']);
  expect([8.524, 85.24, 852.4].map(tokens)).toEqual(['8.52 t/s', '85.2 t/s', '852 t/s']);
});

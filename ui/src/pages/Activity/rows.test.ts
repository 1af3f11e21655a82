import { expect, test } from 'vitest';
import { hasTokens, statusWords, told, verdictOf, waited } from './rows';
import { row } from './testing';

test('a request that was cancelled or broke off does not look like one that was answered', () => {
  const words = [
    row(),
    row({ outcome: 'done', resp_status_code: 201 }),
    row({ outcome: 'failed', resp_status_code: 500 }),
    row({ outcome: 'failed', resp_status_code: 200 }),
    row({ outcome: 'refused', resp_status_code: 429 }),
    row({ outcome: 'cancelled by client', resp_status_code: 200 }),
    row({ outcome: 'cancelled by operator', resp_status_code: 499 }),
  ].map(statusWords);
  expect(words).toEqual([
    '200',
    '201',
    '500 failed',
    'failed',
    '429 refused',
    'cancelled',
    'cancelled',
  ]);
});

test('where the server does not tell how a request ended, its status and error do', () => {
  expect(
    [row(), row({ resp_status_code: 404 }), row({ error_msg: 'gone' })].map(verdictOf),
  ).toEqual(['done', 'failed', 'failed']);
});

test('numbers that were not told are none', () => {
  expect(hasTokens(row())).toBe(false);
  expect(told(row(), 'input_tokens')).toBeNull();
  const partly = row({}, { input_tokens: 5, output_tokens: 0, cache_tokens: -1 });
  expect(told(partly, 'input_tokens')).toBe(5);
  expect(told(partly, 'output_tokens')).toBe(0);
  expect(told(partly, 'cache_tokens')).toBeNull();
});

test('a request waits until it is forwarded', () => {
  const phases_ms = { queued: 5, swapping: 10, loading: 100, forwarded: 7, answering: 9 };
  expect(waited(row({ phases_ms }))).toBe(115);
  expect(waited(row())).toBeNull();
});

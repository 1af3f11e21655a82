/** What a load test tells (docs/reference/http.md), and how it is drawn and written down. Pure. */

import { duration, speed } from '$lib/format';

export interface Progress {
  seconds: number;
  running: number;
  answering: number;
  done: number;
  failed: number;
  requests: number;
}

export interface Row {
  index: number;
  model: string;
  /** Seconds, from the begin of the test or of the request. */
  begin: number;
  seconds: number;
  first_token: number | null;
  phases_ms: Record<string, number> | null;
  prompt_tokens: number | null;
  tokens: number;
  tokens_per_second: number | null;
  error: string;
}

export interface Spread {
  min: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export interface Result {
  seconds: number;
  requests: number;
  failed: number;
  tokens: number;
  requests_per_second: number;
  tokens_per_second: number;
  latency: Spread | null;
  first_token: Spread | null;
  waiting: Spread | null;
  speed: Spread | null;
  errors: { message: string; count: number }[];
}

/** The columns of a spread. */
export const SPREAD = ['min', 'mean', 'p50', 'p95', 'p99', 'max'] as const;

export const SPREADS: readonly {
  key: 'latency' | 'first_token' | 'waiting' | 'speed';
  name: string;
  words: (value: number) => string;
  /** Less of it is better. */
  less: boolean;
}[] = [
  { key: 'latency', name: 'Latency', words: (value) => duration(1000 * value), less: true },
  { key: 'first_token', name: 'First token', words: (value) => duration(1000 * value), less: true },
  { key: 'waiting', name: 'Load wait', words: (value) => duration(1000 * value), less: true },
  { key: 'speed', name: 'Generation', words: speed, less: false },
];

/** By how much a value differs from one before, such as +12%; empty if that says nothing. */
export function change(now: number, before: number | undefined): string {
  if (before === undefined || before === 0) return '';
  const percent = Math.round((100 * (now - before)) / before);
  return percent === 0 ? '±0%' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)}%`;
}

/** The parts of a request's bar, in seconds from the begin of the test. */
export function bars(
  row: Row,
): { kind: 'waiting' | 'first' | 'answering' | 'failed'; from: number; to: number }[] {
  const end = row.begin + row.seconds;
  const kind = row.error ? ('failed' as const) : ('answering' as const);
  if (row.first_token === null)
    return [{ kind: row.error ? 'failed' : 'first', from: row.begin, to: end }];
  const { queued = 0, swapping = 0, loading = 0 } = row.phases_ms ?? {};
  const first = row.begin + row.first_token;
  const ready = Math.min(first, row.begin + (queued + swapping + loading) / 1000);
  return [
    { kind: 'waiting' as const, from: row.begin, to: ready },
    { kind: 'first' as const, from: ready, to: first },
    { kind, from: first, to: end },
  ].filter(({ from, to }) => to > from);
}

/** The requests as a table for other programs; no cell is taken for a formula. */
export function asCsv(rows: readonly Row[]): string {
  const names = [
    'index',
    'model',
    'begin',
    'seconds',
    'first_token',
    'prompt_tokens',
    'tokens',
    'tokens_per_second',
    'error',
  ] as const;
  const cell = (value: unknown) => {
    const text = String(value ?? '');
    const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [
    names.join(','),
    ...rows.map((row) => names.map((name) => cell(row[name])).join(',')),
  ].join('\n');
}

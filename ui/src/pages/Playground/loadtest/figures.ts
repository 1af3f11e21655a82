/** What a load test tells (docs/reference/http.md), and how it is drawn and written down. Pure. */

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

/** The figures of the requests that have ended. */
export interface Figures {
  seconds: number;
  requests: number;
  failed: number;
  tokens: number;
  requests_per_second: number;
  tokens_per_second: number;
  latency: Spread | null;
  first_token: Spread | null;
  queued: Spread | null;
  loading: Spread | null;
  speed: Spread | null;
  errors: { message: string; count: number }[];
}

export interface Progress extends Figures {
  running: number;
  answering: number;
  /** Requests of the whole test. */
  wanted: number;
}

export interface Result extends Figures {
  /** Requests that were under way when the time was up. */
  unfinished: number;
}

/** The columns of a spread. */
export const SPREAD = ['min', 'mean', 'p50', 'p95', 'p99', 'max'] as const;

export const SPREADS: readonly {
  key: 'latency' | 'first_token' | 'queued' | 'loading' | 'speed';
  name: string;
  about: string;
  words: (value: number) => string;
}[] = [
  { key: 'latency', name: 'Latency', about: 'Until the end of the answer', words: seconds },
  { key: 'first_token', name: 'First token', about: 'Until the first token', words: seconds },
  { key: 'queued', name: 'Queue', about: 'For others, and for models to stop', words: seconds },
  { key: 'loading', name: 'Loading', about: 'For the model to be ready', words: seconds },
  { key: 'speed', name: 'Generation', about: 'Of one answer, per second', words: tokens },
];

/** 85 ms, 1.25 s, 12.5 s. */
export function seconds(value: number): string {
  if (value < 1) return `${Math.round(1000 * value)} ms`;
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** 8.52 t/s, 85.2 t/s, 852 t/s. */
export function tokens(perSecond: number): string {
  return `${perSecond.toFixed(perSecond < 10 ? 2 : perSecond < 100 ? 1 : 0)} t/s`;
}

/** By how much a value differs from one before, such as +12%; empty if that says nothing. */
export function change(now: number, before: number | undefined): string {
  if (before === undefined || before === 0) return '';
  const percent = Math.round((100 * (now - before)) / before);
  return percent === 0 ? '±0%' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)}%`;
}

export type Part = 'queued' | 'loading' | 'first' | 'answering' | 'failed';

/** The parts of a request's bar, in seconds from the begin of the test; it failed in the last. */
export function bars(row: Row): { kind: Part; from: number; to: number }[] {
  const end = row.begin + row.seconds;
  const first = row.first_token === null ? end : row.begin + row.first_token;
  const { queued = 0, swapping = 0, loading = 0 } = row.phases_ms ?? {};
  const turn = Math.min(first, row.begin + (queued + swapping) / 1000);
  const ready = Math.min(first, turn + loading / 1000);
  const all: { kind: Part; from: number; to: number }[] = [
    { kind: 'queued', from: row.begin, to: turn },
    { kind: 'loading', from: turn, to: ready },
    { kind: 'first', from: ready, to: first },
    { kind: 'answering', from: first, to: end },
  ];
  const parts = all.filter(({ from, to }) => to > from);
  return parts.map((part, at) =>
    row.error && at === parts.length - 1 ? { ...part, kind: 'failed' } : part,
  );
}

/** The requests as a table for other programs; no cell is taken for a formula. */
export function asCsv(rows: readonly Row[]): string {
  const names = [
    'index',
    'model',
    'begin',
    'seconds',
    'queued',
    'loading',
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
  const lines = rows.map((row) => {
    const { queued = 0, swapping = 0, loading = 0 } = row.phases_ms ?? {};
    const all = { ...row, queued: (queued + swapping) / 1000, loading: loading / 1000 };
    return names.map((name) => cell(all[name])).join(',');
  });
  return [names.join(','), ...lines].join('\n');
}

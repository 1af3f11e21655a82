/** Finished requests as texts to keep: Markdown, CSV, JSON, lines of JSON. Pure. */

import { count, duration, moment, NOTHING, speed } from '$lib/format';
import type { Column } from './columns';
import { hasTokens, type Row } from './rows';

export const FORMATS = ['markdown', 'csv', 'json', 'ndjson'] as const;
export type Format = (typeof FORMATS)[number];

export const ENDINGS: Record<Format, string> = {
  markdown: 'md',
  csv: 'csv',
  json: 'json',
  ndjson: 'ndjson',
};

export function exported(
  format: Format,
  rows: readonly Row[],
  columns: readonly Column[],
  now: Date,
): string {
  switch (format) {
    case 'markdown':
      return markdown(rows, columns, now);
    case 'csv':
      return csv(rows, columns);
    case 'json':
      return `${JSON.stringify(rows, null, 2)}\n`;
    case 'ndjson':
      return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
}

/** A summary, the table, and when it was made (spec/web-ui.md 7). */
export function markdown(rows: readonly Row[], columns: readonly Column[], now: Date): string {
  const told = columns.filter(({ id }) => id !== 'capture');
  const cells = rows.map((row) => told.map(({ text }) => text(row)));
  return [
    table(['Summary', ''], summary(rows), [false, false]),
    table(
      told.map(({ label }) => label),
      cells,
      told.map(({ number }) => number),
    ),
    `hotbay, ${moment(now)}\n`,
  ].join('\n');
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly boolean[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  const rule = `|${numbers.map((number) => (number ? ' ---: ' : ' --- ')).join('|')}|\n`;
  return line(head) + rule + rows.map(line).join('');
}

function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}

export function summary(rows: readonly Row[]): [string, string][] {
  const times = rows.map(({ timestamp }) => Date.parse(timestamp)).filter((time) => time > 0);
  const range =
    times.length === 0
      ? NOTHING
      : `${moment(new Date(Math.min(...times)))} → ${moment(new Date(Math.max(...times)))}`;
  const [drafted, accepted] = [sum(rows, 'draft_tokens'), sum(rows, 'draft_acc_tokens')];
  return [
    ['Range', range],
    ['Requests', count(rows.length)],
    ['Duration', duration(rows.reduce((ms, row) => ms + row.duration_ms, 0))],
    ['Cached', count(sum(rows, 'cache_tokens'))],
    ['Prompt', withSpeed(rows, 'input_tokens', 'prompt_per_second')],
    ['Generated', withSpeed(rows, 'output_tokens', 'tokens_per_second')],
    [
      'Drafted',
      drafted > 0 ? `${((100 * accepted) / drafted).toFixed(1)}% ${accepted}/${drafted}` : '-',
    ],
  ];
}

type Counted =
  | 'cache_tokens'
  | 'draft_tokens'
  | 'draft_acc_tokens'
  | 'input_tokens'
  | 'output_tokens';

/** What was not told is left out. */
function sum(rows: readonly Row[], name: Counted): number {
  return rows.reduce((all, { tokens }) => all + Math.max(0, tokens[name]), 0);
}

function withSpeed(
  rows: readonly Row[],
  name: Counted,
  rate: 'prompt_per_second' | 'tokens_per_second',
): string {
  let [tokens, seconds] = [0, 0];
  for (const row of rows) {
    if (!hasTokens(row) || row.tokens[name] <= 0 || row.tokens[rate] <= 0) continue;
    tokens += row.tokens[name];
    seconds += row.tokens[name] / row.tokens[rate];
  }
  const over = seconds > 0 ? speed(tokens / seconds) : 'unknown';
  return `${count(sum(rows, name))} (${over})`;
}

/** For programs: numbers without units and grouping, times as the server tells them. */
function csv(rows: readonly Row[], columns: readonly Column[]): string {
  const told = columns.filter(({ id }) => id !== 'capture');
  const lines = [
    told.map(({ label, unit }) => (unit ? `${label} (${unit})` : label)),
    ...rows.map((row) => told.map(({ raw, text }) => String((raw ?? text)(row) ?? ''))),
  ];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

/** A cell of CSV (RFC 4180), which no spreadsheet takes for a formula. */
function quoted(text: string): string {
  const plain = text === NOTHING ? '' : text;
  const harmless = /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

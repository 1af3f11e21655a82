/** The columns of the table of finished requests. Pure. */

import { bytes, count, drafts, duration, lasting, moment, NOTHING, speed } from '$lib/format';
import { hasTokens, type Row, statusWords, told, waited } from './rows';

export interface Column {
  id: string;
  label: string;
  /** What it means, where the label does not say. */
  hint?: string;
  /** Shown to those who have not chosen. */
  shown: boolean;
  /** The server can sort by it. */
  sortable: boolean;
  /** Aligned to the end. */
  number: boolean;
  /** What stands in the cell, as text. */
  text: (row: Row) => string;
  /** What it is for a program, in this unit; null: not known. The text, where it is absent. */
  raw?: (row: Row) => string | number | null;
  unit?: string;
  /** Only hotbay knows it. */
  own?: boolean;
}

const tokens = (name: Parameters<typeof told>[1]) => (row: Row) => {
  const value = told(row, name);
  return value ? count(value) : NOTHING;
};

const positive = (name: Parameters<typeof told>[1]) => (row: Row) =>
  row.tokens[name] > 0 ? row.tokens[name] : null;

const perSecond = (name: 'prompt_per_second' | 'tokens_per_second') => (row: Row) => {
  const value = row.tokens[name];
  if (value > 0) return speed(value);
  return value < 0 && hasTokens(row) ? 'unknown' : NOTHING;
};

const text = (column: Omit<Column, 'number' | 'sortable'> & { sortable?: boolean }): Column => ({
  sortable: true,
  number: false,
  ...column,
});
const number = (column: Omit<Column, 'number' | 'sortable'> & { sortable?: boolean }): Column => ({
  ...text(column),
  number: true,
});

export const COLUMNS: readonly Column[] = [
  text({ id: 'id', label: 'ID', shown: true, text: ({ id }) => String(id) }),
  text({
    id: 'time',
    label: 'Time',
    raw: ({ timestamp }) => timestamp,
    shown: true,
    text: ({ timestamp }) => moment(new Date(timestamp)),
  }),
  text({ id: 'model', label: 'Model', shown: true, text: ({ model }) => model || NOTHING }),
  text({ id: 'req_path', label: 'Path', shown: false, text: ({ req_path }) => req_path }),
  text({ id: 'resp_status_code', label: 'Status', shown: true, text: statusWords }),
  text({
    id: 'resp_content_type',
    label: 'Content type',
    shown: false,
    text: ({ resp_content_type }) => resp_content_type || NOTHING,
  }),
  number({
    id: 'cached',
    label: 'Cached',
    raw: positive('cache_tokens'),
    hint: 'Tokens of the prompt that the model server still had',
    shown: true,
    text: (row) => (row.tokens.cache_tokens > 0 ? count(row.tokens.cache_tokens) : NOTHING),
  }),
  number({
    id: 'prompt',
    label: 'Prompt',
    raw: (row) => told(row, 'input_tokens'),
    hint: 'New tokens of the prompt that were processed',
    shown: true,
    text: tokens('input_tokens'),
  }),
  number({
    id: 'generated',
    label: 'Generated',
    raw: (row) => told(row, 'output_tokens'),
    hint: 'Tokens of the answer',
    shown: true,
    text: tokens('output_tokens'),
  }),
  number({
    id: 'drafted',
    label: 'Drafted',
    hint: 'Speculative decoding: which share of the drafts held',
    shown: false,
    text: ({ tokens: { draft_acc_tokens, draft_tokens } }) =>
      drafts(draft_acc_tokens, draft_tokens),
  }),
  number({
    id: 'prompt_speed',
    label: 'Prefill',
    raw: positive('prompt_per_second'),
    unit: 't/s',
    hint: 'Tokens of the prompt per second',
    shown: true,
    text: perSecond('prompt_per_second'),
  }),
  number({
    id: 'gen_speed',
    label: 'Decode',
    raw: positive('tokens_per_second'),
    unit: 't/s',
    hint: 'Tokens of the answer per second',
    shown: true,
    text: perSecond('tokens_per_second'),
  }),
  number({
    id: 'waited',
    label: 'Waited',
    raw: waited,
    unit: 'ms',
    hint: 'In the queue, for others to stop, and for its model to load',
    shown: true,
    sortable: false,
    own: true,
    text: (row) => {
      const ms = waited(row);
      return ms === null || ms < 50 ? NOTHING : lasting(ms);
    },
  }),
  number({
    id: 'duration',
    label: 'Duration',
    raw: ({ duration_ms }) => duration_ms,
    unit: 'ms',
    shown: true,
    text: ({ duration_ms }) => duration(duration_ms),
  }),
  number({
    id: 'size',
    label: 'Size',
    raw: ({ resp_bytes }) => resp_bytes ?? null,
    unit: 'B',
    hint: 'Bytes of the answer',
    shown: false,
    sortable: false,
    own: true,
    text: ({ resp_bytes }) => (resp_bytes == null ? NOTHING : bytes(resp_bytes)),
  }),
  text({
    id: 'client',
    label: 'Client',
    shown: false,
    sortable: false,
    own: true,
    text: ({ remote_ip }) => remote_ip || NOTHING,
  }),
  text({
    id: 'session',
    label: 'Session',
    shown: false,
    sortable: false,
    own: true,
    text: ({ session }) => session || NOTHING,
  }),
  text({
    id: 'capture',
    label: 'Capture',
    hint: 'Whether request and answer are kept',
    shown: true,
    sortable: false,
    text: ({ has_capture }) => (has_capture ? 'View' : NOTHING),
  }),
  text({
    id: 'meta',
    label: 'Metadata',
    shown: false,
    sortable: false,
    text: ({ metadata }) =>
      Object.entries(metadata ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join('; ') || NOTHING,
  }),
];

/** Which columns are shown, in their order, as it is remembered. */
export type Arrangement = readonly (readonly [id: string, shown: boolean])[];

export interface Arranged extends Column {
  visible: boolean;
}

/** All columns in the order that was chosen; those it does not know come where they usually are. */
export function arranged(wish: Arrangement, without: readonly string[] = []): Arranged[] {
  const known = new Map(COLUMNS.map((column) => [column.id, column]));
  const chosen: Arranged[] = wish.flatMap(([id, visible]) => {
    const column = known.get(id);
    known.delete(id);
    return column ? [{ ...column, visible }] : [];
  });
  for (const column of known.values()) {
    const before = COLUMNS[COLUMNS.indexOf(column) - 1];
    const at = before ? chosen.findIndex(({ id }) => id === before.id) + 1 : 0;
    chosen.splice(at, 0, { ...column, visible: column.shown });
  }
  return chosen.filter(({ id }) => !without.includes(id));
}

export function isArrangement(value: unknown): value is Arrangement {
  return (
    Array.isArray(value) &&
    value.every(
      (pair) => Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'boolean',
    )
  );
}

/** The arrangement after a column was moved by so many places. */
export function moved(columns: readonly Arranged[], id: string, by: number): Arrangement {
  const pairs = columns.map((column) => [column.id, column.visible] as const);
  const from = pairs.findIndex(([other]) => other === id);
  const to = Math.max(0, Math.min(pairs.length - 1, from + by));
  const [pair] = pairs.splice(from, 1);
  if (pair) pairs.splice(to, 0, pair);
  return pairs;
}

/** The arrangement after a column was shown or hidden. */
export function toggled(columns: readonly Arranged[], id: string): Arrangement {
  return columns.map((column) => [column.id, column.visible !== (column.id === id)] as const);
}

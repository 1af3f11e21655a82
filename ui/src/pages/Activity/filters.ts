/** Which finished requests are shown: in the address of the page, and as the server wants it. Pure. */

import { moment } from '$lib/format';

export const OUTCOMES = ['done', 'failed', 'refused', 'cancelled'] as const;

/** Minutes up to now. */
export const LASTS = [15, 60, 24 * 60, 7 * 24 * 60] as const;

export interface Filters {
  model: readonly string[];
  outcome: readonly string[];
  status: readonly string[];
  path: readonly string[];
  client: readonly string[];
  session: readonly string[];
  /** Occurs in one of the texts. */
  q: string;
  /** Minutes up to now; 0: see `from` and `to`. */
  last: number;
  /** Local time as `2031-04-05T06:07`; empty: no bound. */
  from: string;
  to: string;
  /** Numbers of rows; empty: no bound. */
  min: string;
  max: string;
}

const LISTS = ['model', 'outcome', 'status', 'path', 'client', 'session'] as const;
const TEXTS = ['q', 'from', 'to', 'min', 'max'] as const;

/** Those that llama-swap has too. */
const COMMON = new Set<string>(['model', 'last', 'from', 'to', 'min', 'max']);

export function parse(query: URLSearchParams): Filters {
  const lists = LISTS.map((name) => [name, query.getAll(name).filter(Boolean)]);
  const texts = TEXTS.map((name) => [name, query.get(name) ?? '']);
  const last = Number(query.get('last'));
  return {
    ...(Object.fromEntries([...lists, ...texts]) as Omit<Filters, 'last'>),
    last: Number.isInteger(last) && last > 0 ? last : 0,
  };
}

export const NONE: Filters = parse(new URLSearchParams());

/** What the address says for these filters; null: it says nothing. Always begins at the first page. */
export function inAddress(
  filters: Partial<Filters>,
): Record<string, string | readonly string[] | null> {
  const entries = Object.entries(filters).map(([name, value]) => {
    if (typeof value === 'number') return [name, value > 0 ? String(value) : null];
    return [name, value.length > 0 ? value : null];
  });
  return { ...Object.fromEntries(entries), page: null };
}

export type ServerQuery = Record<string, string | readonly string[]>;

/** What the server is asked; without `detailed` only what llama-swap knows. */
export function forServer(filters: Filters, now: number, detailed = true): ServerQuery {
  const { from, to, min, max, last, q, ...lists } = filters;
  const start = last > 0 ? new Date(now - last * 60_000) : fromInput(from);
  const end = last > 0 ? null : fromInput(to);
  const query: ServerQuery = { ...lists };
  if (q.trim()) query.q = q.trim();
  if (start) query.start = whole(start);
  if (end) query.end = whole(end);
  if (min) query.min_id = min;
  if (max) query.max_id = max;
  if (detailed) return query;
  const known = ['model', 'start', 'end', 'min_id', 'max_id'];
  return Object.fromEntries(Object.entries(query).filter(([name]) => known.includes(name)));
}

/** The moment that a field for date and time says; null if none. */
export function fromInput(text: string): Date | null {
  const time = text === '' ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : new Date(time);
}

function whole(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** A filter that holds, in words, and the filters without it. */
export interface Chip {
  label: string;
  without: Partial<Filters>;
}

const LABELS: Record<(typeof LISTS)[number], string> = {
  model: 'Model',
  outcome: 'Outcome',
  status: 'Status',
  path: 'Path',
  client: 'Client',
  session: 'Session',
};

/** Filters that hold; `fixed` are not told, as they cannot be taken away. */
export function chips(filters: Filters, fixed: readonly (keyof Filters)[] = []): Chip[] {
  const found: Chip[] = LISTS.filter((name) => !fixed.includes(name)).flatMap((name) =>
    filters[name].map((value) => ({
      label: `${LABELS[name]}: ${value}`,
      without: { [name]: filters[name].filter((other) => other !== value) },
    })),
  );
  if (filters.q.trim()) found.push({ label: `Contains: ${filters.q.trim()}`, without: { q: '' } });
  if (filters.last > 0) found.push({ label: lastWords(filters.last), without: { last: 0 } });
  else {
    const [from, to] = [fromInput(filters.from), fromInput(filters.to)];
    if (from) found.push({ label: `From ${moment(from).slice(0, 16)}`, without: { from: '' } });
    if (to) found.push({ label: `To ${moment(to).slice(0, 16)}`, without: { to: '' } });
  }
  if (filters.min) found.push({ label: `ID from ${filters.min}`, without: { min: '' } });
  if (filters.max) found.push({ label: `ID to ${filters.max}`, without: { max: '' } });
  return found;
}

export function lastWords(minutes: number): string {
  if (minutes % 1440 === 0)
    return minutes === 1440 ? 'Last 24 hours' : `Last ${minutes / 1440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? 'Last hour' : `Last ${minutes / 60} hours`;
  return `Last ${minutes} minutes`;
}

/** Whether a filter can be used with this server. */
export function available(name: keyof Filters, detailed: boolean): boolean {
  return detailed || COMMON.has(name);
}

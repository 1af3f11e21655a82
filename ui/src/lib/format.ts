/** How numbers, sizes and times are written everywhere (spec/web-ui.md 16). */

export const NOTHING = '–';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Bytes received so far: 512 B, 1.50 KB, 12.3 MB; units of 1024. */
export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${count} B`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** A memory size: 640 MiB, 23.9 GiB; null or 0 means that nobody knows. */
export function capacity(count: number | null | undefined): string {
  if (!count) return 'Not detected';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  const value = count / 1024 ** unit;
  const digits = unit < 2 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** A measured duration: 1.25s. */
export function duration(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)}s`;
}

/** How long something has lasted, for a value that goes on: 8 s, 12 min, 3 h 05, 2 d 4 h. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long something lasted that is over: 0.4 s, 12 s, 3 min. */
export function lasting(milliseconds: number): string {
  if (milliseconds >= 10_000) return age(milliseconds);
  return `${(Math.max(0, milliseconds) / 1000).toFixed(1)} s`;
}

/** A speed in tokens per second; negative means that the server could not tell. */
export function speed(tokensPerSecond: number): string {
  return tokensPerSecond < 0 ? 'unknown' : `${tokensPerSecond.toFixed(2)} t/s`;
}

const grouped = new Intl.NumberFormat();

/** A count with the digit grouping of the reader's language. */
export function count(value: number): string {
  return grouped.format(value);
}

/** A count with its noun: 1 request, 3 requests. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A context length, short: 33K, 131K, 1.0M. */
export function contextLength(tokens: number): string {
  if (tokens >= 1_000_000) return `${(tokens / 1_000_000).toFixed(1)}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}K` : String(tokens);
}

/** A moment in local time: 2031-04-05 06:07:08. */
export function moment(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${clock(time)}`;
}

/** The time of day in local time: 06:07:08. */
export function clock(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** How long ago a moment was: now, 12s ago, 3m ago, 5h ago; after a day the moment itself. */
export function ago(time: Date, now: number): string {
  const seconds = Math.floor((now - time.getTime()) / 1000);
  if (seconds < 5) return 'now';
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ago`;
  return moment(time);
}

/** How many drafted tokens were accepted: 77.5% (31/40). */
export function drafts(accepted: number, drafted: number): string {
  if (drafted <= 0) return NOTHING;
  return `${((100 * accepted) / drafted).toFixed(1)}% (${accepted}/${drafted})`;
}

/** A text cut in its middle, with its last characters kept. */
export function middleCut(text: string, longest: number, kept = 10): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest - kept - 1)}…${text.slice(-kept)}`;
}

const natural = new Intl.Collator(undefined, { numeric: true });

/** Compares names as people sort them: model-9 before model-10. */
export function byName(a: string, b: string): number {
  return natural.compare(a, b);
}

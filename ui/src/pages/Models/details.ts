/** What the page of one model says in words. Pure. */

import { count } from '$lib/format';

/** A command as one would type it into a shell. */
export function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** How often and how fast a model was loaded, as far as that is remembered. */
export function loadWords(seconds: readonly number[]): string {
  if (seconds.length === 0) return '';
  const last = seconds.at(-1) ?? 0;
  const sorted = [...seconds].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const times = seconds.length === 1 ? 'once' : `${count(seconds.length)} times`;
  return `${times}, the last in ${last.toFixed(1)} s, median ${median.toFixed(1)} s`;
}

interface Routing {
  router?: {
    use?: string;
    settings?: {
      groups?: Record<string, { swap: boolean; exclusive: boolean; members: string[] }>;
      matrix?: { sets?: Record<string, unknown> };
    };
  };
}

/** Which groups a model belongs to, or that a matrix decides. */
export function membership(
  active: Record<string, unknown>,
  model: string,
): { label: string; value: string }[] {
  const router = (active.routing as Routing | undefined)?.router;
  const groups = Object.entries(router?.settings?.groups ?? {});
  const found = groups.filter(([, { members }]) => members?.includes(model));
  return found.map(([name, { swap, exclusive }]) => ({
    label: `Group ${name}`,
    value: [
      swap ? 'one of its members at a time' : 'its members run beside one another',
      exclusive ? 'others make room for it' : 'beside other groups',
    ].join('; '),
  }));
}

/** Settings that are set, as text; empty if none is. */
export function settingsText(settings: Record<string, unknown> | undefined): string {
  const set = Object.entries(settings ?? {}).filter(
    ([, value]) =>
      value !== '' &&
      value !== null &&
      !(typeof value === 'object' && Object.keys(value).length === 0),
  );
  return set.length === 0 ? '' : JSON.stringify(Object.fromEntries(set), null, 2);
}

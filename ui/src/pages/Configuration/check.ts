/** The check of a text: what the server says of it, put to use. Pure. */

import { bytes } from '$lib/format';
import type { Problem } from '$lib/live/wire';

export type Found = Omit<Problem, 'file'>;

export interface Checked {
  ok: boolean;
  errors: Found[];
  warnings: Found[];
  /** How it differs from what is in force; null if it cannot be loaded. */
  models: { added: string[]; removed: string[]; changed: string[] } | null;
}

/** Bytes of the largest text that the server takes. */
export const LARGEST = 1 << 18;

/** Why a text is not even sent; empty if it is. */
export function tooLarge(text: string): string {
  const size = new TextEncoder().encode(text).length;
  return size <= LARGEST
    ? ''
    : `The text has ${bytes(size)}, and a configuration at most ${bytes(LARGEST)}.`;
}

/** Which lines have something, the worst of it. */
export function linesWith({ errors, warnings }: Checked): Map<number, 'error' | 'warning'> {
  const lines = new Map<number, 'error' | 'warning'>();
  for (const { line } of warnings) lines.set(line, 'warning');
  for (const { line } of errors) lines.set(line, 'error');
  lines.delete(0); // of the whole
  return lines;
}

/** Where in a text a line and a column are, both from 1. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((all, each) => all + each.length + 1, 0);
  const within = Math.min(Math.max(0, column - 1), lines[line - 1]?.length ?? 0);
  return Math.min(text.length, before + within);
}

/** What would become of which models. */
export function changeWords(
  { added, removed, changed }: NonNullable<Checked['models']>,
  models: readonly { id: string; state: string }[],
): { what: string; models: string[] }[] {
  const up = new Set(models.filter(({ state }) => state !== 'stopped').map(({ id }) => id));
  const runs = (id: string) => up.has(id);
  return [
    { what: 'Added', models: added },
    { what: 'Stopped now, and gone', models: removed.filter(runs) },
    { what: 'Gone', models: removed.filter((id) => !runs(id)) },
    { what: 'Changed, and so stopped now', models: changed.filter(runs) },
    { what: 'Changed', models: changed.filter((id) => !runs(id)) },
  ].filter(({ models: found }) => found.length > 0);
}

import type { Connection } from '$lib/live/state';
import { windowTitle } from './preferences.svelte';

/** The longest title that a window may be given. */
export const LONGEST = 64;

/** The name of the window, with a mark in front for as long as there is no connection. */
export function documentTitle(page: string, rest: string, status: Connection['status']): string {
  const mark = { open: '', connecting: '🟡 ', lost: '🔴 ' }[status];
  const place = rest === '' ? page : `${rest} · ${page}`;
  return `${mark}${place} · ${windowTitle.value || 'hotbay'}`;
}

/** What is kept of a title that somebody entered. */
export function cleanTitle(entered: string): string {
  return entered.replace(/\s+/g, ' ').trim().slice(0, LONGEST);
}

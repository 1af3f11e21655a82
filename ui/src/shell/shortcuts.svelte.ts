/** Keyboard shortcuts: owns which there are at the moment, and what the keys do. */

import { untrack } from 'svelte';
import { flag } from '$lib/preferences.svelte';
import { router } from '$lib/router.svelte';
import { PAGES } from '../pages/routes';

export interface Shortcut {
  /** One key as the keyboard calls it, or `g` and another. */
  keys: string;
  label: string;
  run: () => void;
}

/** Single letters get in the way of some ways to use a keyboard (WCAG 2.1.4). */
export const enabled = flag('shortcuts', true);

/** How long after a `g` the next key belongs to it, in milliseconds. */
const SEQUENCE = 1500;

let active = $state.raw<readonly Shortcut[]>([]);
let prefixAt = Number.NEGATIVE_INFINITY;

export function shortcuts(): readonly Shortcut[] {
  return active;
}

/** Adds shortcuts; returns what takes them away, as an effect wants it. */
export function addShortcuts(added: readonly Shortcut[]): () => void {
  active = [...untrack(() => active), ...added];
  return () => {
    active = active.filter((shortcut) => !added.includes(shortcut));
  };
}

export function pageShortcuts(): Shortcut[] {
  return PAGES.map(({ id, key, title }) => ({
    keys: `g ${key}`,
    label: `Go to ${title}`,
    run: () => router.go(`#/${id}`),
  }));
}

export function focusSearch(): void {
  document.querySelector<HTMLElement>('main [data-search]')?.focus();
}

/** Does what a key stands for, unless it is typed into something. */
export function pressed(event: KeyboardEvent): void {
  if (!enabled.value || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.defaultPrevented || isTyping(event.target)) return;
  // What is behind a dialog is out of reach.
  if (document.querySelector('dialog[open]') !== null) return;
  const sequence = event.timeStamp - prefixAt < SEQUENCE;
  prefixAt = !sequence && event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY;
  const keys = sequence ? `g ${event.key}` : event.key;
  const found = active.find((shortcut) => shortcut.keys === keys);
  if (found === undefined) return;
  event.preventDefault();
  found.run();
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches('textarea, select, [role=menu] *')) return true;
  return target.matches('input') && !target.matches('[type=checkbox], [type=radio], [type=range]');
}

/** The pages: a line here puts one into the navigation, the shortcuts and the addresses. */

import type { Component } from 'svelte';
import type { IconName } from '$lib/components/icons';

export interface Page {
  /** The first segment of its address. */
  id: string;
  title: string;
  icon: IconName;
  /** The key that follows `g`. */
  key: string;
  load: () => Promise<{ default: Component }>;
  /** At the foot of the navigation. */
  foot?: boolean;
  /** Goes on, hidden, when another page is shown. */
  keep?: boolean;
}

export const PAGES: readonly Page[] = [
  { id: 'now', title: 'Now', icon: 'now', key: 'n', load: () => import('./Now/Now.svelte') },
  {
    id: 'activity',
    title: 'Activity',
    icon: 'activity',
    key: 'a',
    load: () => import('./Activity/Activity.svelte'),
  },
  {
    id: 'playground',
    title: 'Playground',
    icon: 'playground',
    key: 'p',
    keep: true,
    load: () => import('./Playground/Playground.svelte'),
  },
  {
    id: 'models',
    title: 'Models',
    icon: 'models',
    key: 'm',
    load: () => import('./Models/Models.svelte'),
  },
  { id: 'logs', title: 'Logs', icon: 'logs', key: 'l', load: () => import('./Logs/Logs.svelte') },
  {
    id: 'performance',
    title: 'Performance',
    icon: 'performance',
    key: 'e',
    load: () => import('./Performance/Performance.svelte'),
  },
  {
    id: 'hardware',
    title: 'Hardware',
    icon: 'hardware',
    key: 'h',
    load: () => import('./Hardware/Hardware.svelte'),
  },
  {
    id: 'configuration',
    title: 'Configuration',
    icon: 'configuration',
    key: 'c',
    load: () => import('./Configuration/Configuration.svelte'),
  },
  {
    id: 'settings',
    title: 'Settings',
    icon: 'settings',
    key: 's',
    foot: true,
    load: () => import('./Settings/Settings.svelte'),
  },
];

/** The page of an address; the root, and what does not exist, is the one to start with. */
export function pageOf(id: string, start = 'now'): Page {
  const page =
    PAGES.find((candidate) => candidate.id === id) ??
    PAGES.find((candidate) => candidate.id === start) ??
    PAGES[0];
  if (page === undefined) throw new Error('there are no pages');
  return page;
}

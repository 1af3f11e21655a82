/** The tabs of the page of one model: a line here adds one. */

import type { Component } from 'svelte';
import type { Model } from '$lib/live/state';

export interface Tab {
  id: string;
  label: string;
  load: () => Promise<{ default: Component<{ model: Model }> }>;
  /** Models of peers have it too. */
  peers: boolean;
}

export const TABS: readonly Tab[] = [
  {
    id: 'activity',
    label: 'Activity',
    load: () => import('../Activity/OfModel.svelte'),
    peers: true,
  },
  { id: 'details', label: 'Details', load: () => import('./Details.svelte'), peers: false },
  { id: 'logs', label: 'Logs', load: () => import('./ModelLog.svelte'), peers: false },
  {
    id: 'statistics',
    label: 'Statistics',
    load: () => import('./Statistics.svelte'),
    peers: true,
  },
  { id: 'use', label: 'Use it', load: () => import('./UseIt.svelte'), peers: true },
];

/** The tabs of the Playground; the code of each is fetched when it is wanted. */

import type { Component } from 'svelte';

export interface Tab {
  id: string;
  label: string;
  load: () => Promise<{ default: Component }>;
}

export const TABS: readonly Tab[] = [
  { id: 'chat', label: 'Chat', load: () => import('./chat/Chat.svelte') },
];

export function tabOf(id: string): Tab {
  const tab = TABS.find((each) => each.id === id) ?? TABS[0];
  if (tab === undefined) throw new Error('there are no tabs');
  return tab;
}

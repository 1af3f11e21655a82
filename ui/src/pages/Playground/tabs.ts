/** The tabs of the Playground; the code of each is fetched when it is wanted. */

import type { Component } from 'svelte';

export interface Tab {
  id: string;
  label: string;
  load: () => Promise<{ default: Component }>;
}

export const TABS: readonly Tab[] = [
  { id: 'chat', label: 'Chat', load: () => import('./chat/Chat.svelte') },
  { id: 'images', label: 'Images', load: () => import('./images/Images.svelte') },
  { id: 'speech', label: 'Speech', load: () => import('./speech/Speech.svelte') },
  {
    id: 'transcription',
    label: 'Transcription',
    load: () => import('./transcription/Transcription.svelte'),
  },
  { id: 'rerank', label: 'Rerank', load: () => import('./rerank/Rerank.svelte') },
  { id: 'load-test', label: 'Load test', load: () => import('./loadtest/LoadTest.svelte') },
];

export function tabOf(id: string): Tab {
  const tab = TABS.find((each) => each.id === id) ?? TABS[0];
  if (tab === undefined) throw new Error('there are no tabs');
  return tab;
}

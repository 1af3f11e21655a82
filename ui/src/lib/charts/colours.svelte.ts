/** The colours of charts as they are now: a canvas takes none of the style sheet's own. */

import { createSubscriber } from 'svelte/reactivity';

const NAMES = ['--accent', '--pending', '--violet', '--ready', '--failed', '--cyan'] as const;
const QUERIES = [
  '(prefers-color-scheme: dark)',
  '(prefers-contrast: more)',
  '(forced-colors: active)',
];

const subscribe = createSubscriber((update) => {
  const watched = new MutationObserver(update);
  watched.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  const queries = QUERIES.map((query) => window.matchMedia(query));
  for (const query of queries) query.addEventListener('change', update);
  return () => {
    watched.disconnect();
    for (const query of queries) query.removeEventListener('change', update);
  };
});

export interface Colours {
  curves: readonly string[];
  text: string;
  grid: string;
}

/** What reads them is updated when the theme changes. */
export function colours(): Colours {
  subscribe();
  const probe = document.createElement('span');
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return style.color;
  };
  const found = { curves: NAMES.map(read), text: read('--muted'), grid: read('--line') };
  probe.remove();
  return found;
}

/** The name in the style sheet of the colour with a number. */
export function colourName(number: number): string {
  return NAMES[number % NAMES.length] ?? NAMES[0];
}

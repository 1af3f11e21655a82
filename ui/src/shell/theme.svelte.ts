/** What everything looks like: light or dark, and how much room it takes. */

import type { IconName } from '$lib/components/icons';
import { oneOf } from '$lib/preferences.svelte';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export const theme = oneOf('theme', THEMES, 'system');

export const DENSITIES = ['compact', 'roomy'] as const;

export const density = oneOf('density', DENSITIES, 'compact');

export const THEME_ICONS: Record<Theme, IconName> = {
  system: 'monitor',
  light: 'sun',
  dark: 'moon',
};

/** Applied before anything is drawn, and whenever it changes; never ends. */
export function applyTheme(): void {
  $effect.root(() => {
    $effect.pre(() => {
      document.documentElement.dataset.theme = theme.value;
      document.documentElement.dataset.density = density.value;
    });
  });
}

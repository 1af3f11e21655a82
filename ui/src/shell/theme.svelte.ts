/** Light, dark, or as the system has it. */

import type { IconName } from '$lib/components/icons';
import { oneOf } from '$lib/preferences.svelte';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export const theme = oneOf('theme', THEMES, 'system');

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
    });
  });
}

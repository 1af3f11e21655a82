/** How logs are shown, remembered for each kind of log. */

import type { LogName } from '$lib/live/protocol';
import { flag, oneOf, type Preference } from '$lib/preferences.svelte';
import { LEVELS, type Level } from './view';

/** Font sizes in pixels. */
export const SIZES = [8, 10, 12, 14, 16] as const;

export interface PanelPreferences {
  size: Preference<(typeof SIZES)[number]>;
  wrap: Preference<boolean>;
  only: Preference<boolean>;
  level: Preference<Level>;
  quiet: Preference<boolean>;
}

const known = new Map<string, PanelPreferences>();

export function panelPreferences(log: LogName): PanelPreferences {
  const kind = log.split(':')[0] ?? log;
  let preferences = known.get(kind);
  if (preferences === undefined) {
    preferences = {
      size: oneOf(`logs.${kind}.size`, SIZES, 12),
      wrap: flag(`logs.${kind}.wrap`, false),
      only: flag(`logs.${kind}.only`, false),
      level: oneOf(`logs.${kind}.level`, LEVELS, 'DEBUG'),
      quiet: flag(`logs.${kind}.quiet`, true),
    };
    known.set(kind, preferences);
  }
  return preferences;
}

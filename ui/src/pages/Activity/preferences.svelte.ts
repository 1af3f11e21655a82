/** Wishes that concern the lists of finished requests. */

import { flag, oneOf, Preference } from '$lib/preferences.svelte';
import { type Arrangement, isArrangement } from './columns';

export const PAGE_SIZES = [10, 25, 50, 100, 250, 500] as const;
export const VIEWS = ['totals', 'speeds', 'time', 'models'] as const;

/** Where there is room, more than the totals is shown from the start. */
export const statisticsView = oneOf(
  'activity.statistics',
  VIEWS,
  innerHeight >= 1000 && innerWidth >= 1000 ? 'time' : 'totals',
);
export const inFlightOpen = flag('activity.inFlight', true);

/** What is remembered for one list. */
export interface ListWishes {
  columns: Preference<Arrangement>;
  pageSize: Preference<(typeof PAGE_SIZES)[number]>;
  filtersOpen: Preference<boolean>;
}

function wishes(name: string): ListWishes {
  return {
    columns: new Preference<Arrangement>(`${name}.columns`, [], isArrangement),
    pageSize: oneOf(`${name}.pageSize`, PAGE_SIZES, 25),
    filtersOpen: flag(`${name}.filters`, false),
  };
}

export const ofAll = wishes('activity');
export const ofOneModel = wishes('model.activity');

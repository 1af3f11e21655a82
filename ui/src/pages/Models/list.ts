/** Which models the page of models shows, and in which order. Pure. */

import { byName } from '$lib/format';
import type { Model, Request } from '$lib/live/state';
import type { Capability } from '$lib/live/wire';
import { shownState, UP_FIRST } from '$lib/models/shown';

export const SORTS = ['state', 'name', 'used'] as const;
export const FILTERS = ['all', 'up', 'failed', 'local', 'peers'] as const;
export type Sort = (typeof SORTS)[number];
export type Filter = (typeof FILTERS)[number];

export interface Wish {
  search: string;
  filter: Filter;
  capability: Capability | '';
  unlisted: boolean;
  sort: Sort;
  /** When a model was last used, in milliseconds since the epoch. */
  usedAt: (id: string) => number | undefined;
}

export function listed(
  models: readonly Model[],
  requests: readonly Request[] | null,
  wish: Wish,
): Model[] {
  const state = (model: Model) => shownState(model, requests);
  return models
    .filter(
      (model) =>
        (wish.unlisted || !model.unlisted) &&
        fits(model, state(model), wish.filter) &&
        (wish.capability === '' || model.capabilities?.[wish.capability]) &&
        matches(model, wish.search),
    )
    .sort(
      (a, b) =>
        (wish.sort === 'state' ? UP_FIRST[state(a)] - UP_FIRST[state(b)] : 0) ||
        (wish.sort === 'used' ? (wish.usedAt(b.id) ?? 0) - (wish.usedAt(a.id) ?? 0) : 0) ||
        byName(a.name || a.id, b.name || b.id),
    );
}

function fits(model: Model, state: string, filter: Filter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'up':
      return model.state !== 'stopped' && model.peerID === '';
    case 'failed':
      return state === 'failed';
    case 'local':
      return model.peerID === '';
    case 'peers':
      return model.peerID !== '';
  }
}

/** Every word that is searched for occurs somewhere. */
function matches(model: Model, search: string): boolean {
  const text = [model.id, model.name, model.description, ...(model.aliases ?? [])]
    .join('\n')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The model that a name or an alias means. */
export function named(models: readonly Model[], name: string): Model | undefined {
  return (
    models.find(({ id }) => id === name) ?? models.find(({ aliases }) => aliases?.includes(name))
  );
}

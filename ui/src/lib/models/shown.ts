/** What a model is, for people: its state, whether it is in use, and whether it has failed. */

import type { Shown } from '$lib/components/StateMark.svelte';
import type { Model, Request } from '$lib/live/state';
import { isRunning } from './requests';

export function shownState(model: Model, requests: readonly Request[] | null): Shown {
  if (model.peerID !== '') return 'unknown';
  switch (model.state) {
    case 'ready':
      return requests?.some((r) => r.model === model.id && isRunning(r)) ? 'busy' : 'ready';
    case 'starting':
    case 'stopping':
      return model.state;
    case 'stopped':
      return model.details?.failure ? 'failed' : 'stopped';
    default:
      return 'unknown';
  }
}

/** Orders models by how much they are up: busy and ready first, then what is about to be. */
export const UP_FIRST: Record<Shown, number> = {
  busy: 0,
  ready: 0,
  starting: 1,
  stopping: 2,
  failed: 3,
  stopped: 4,
  unknown: 5,
};

/** What a model is, for people: its state, whether it is in use or has to make room, and whether it
 * has failed. */

import type { Shown } from '$lib/components/StateMark.svelte';
import type { Model, Request } from '$lib/live/state';
import { isRunning } from './requests';

export function shownState(model: Model, requests: readonly Request[] | null): Shown {
  if (model.peerID !== '') return 'unknown';
  switch (model.state) {
    case 'ready':
      if (!requests?.some((r) => r.model === model.id && isRunning(r))) return 'ready';
      return hasToGo(model.id, requests) ? 'draining' : 'busy';
    case 'starting':
    case 'stopping':
      return model.state;
    case 'stopped':
      return model.details?.failure ? 'failed' : 'stopped';
    default:
      return 'unknown';
  }
}

/** Whether somebody waits for a model to have no requests any more. */
function hasToGo(model: string, requests: readonly Request[]): boolean {
  return requests.some(
    ({ wait }) =>
      (wait?.kind === 'busy' || wait?.kind === 'draining') && wait.models.includes(model),
  );
}

/** Orders models by how much they are up: busy and ready first, then what is about to be. */
export const UP_FIRST: Record<Shown, number> = {
  busy: 0,
  draining: 0,
  ready: 0,
  starting: 1,
  stopping: 2,
  failed: 3,
  stopped: 4,
  unknown: 5,
};

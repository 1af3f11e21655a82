/** The past as it goes on: owns what the page knows of models and requests of the last hour. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import type { Model, Request } from '$lib/live/state';
import type { State } from '$lib/live/wire';
import { elapsed, isRunning, phaseTimes } from '$lib/models/requests';
import * as past from './past';

const KEPT = 3_600_000;

/** A request on the timeline; times are milliseconds since the epoch by the server's clock. */
export interface Ride {
  id: string;
  model: string;
  begin: number;
  /** When it stopped waiting. */
  served: number;
  /** Null: it goes on. */
  end: number | null;
}

export class Watch {
  past = $state.raw(past.nothingBefore(Date.now()));
  /** Requests that have ended while we looked on. */
  ended = $state.raw<readonly Ride[]>([]);
  error = $state('');
  loaded = $state(false);
  #before: readonly Request[] = [];
  #states = new Map<string, string>();

  constructor() {
    $effect(() => {
      if (live.connection.status !== 'open') return;
      if (!live.detailed) {
        this.loaded = true;
        return;
      }
      const abort = new AbortController();
      void this.#fetch(abort.signal);
      return () => abort.abort();
    });
    $effect(() => {
      const ends = [
        live.on('state', (event) => this.#now(past.afterState(this.past, event))),
        live.on('swap', (event) => this.#now(past.afterSwap(this.past, event))),
        live.on('start_failed', (event) => this.#now(past.afterFailure(this.past, event))),
      ];
      return () => {
        for (const end of ends) end();
      };
    });
    $effect(() => {
      const requests = live.requests ?? [];
      untrack(() => this.#follow(requests));
    });
    $effect(() => {
      // A server that does not tell of changes still tells of states.
      const models = live.detailed ? [] : (live.models ?? []);
      untrack(() => this.#compare(models));
    });
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      this.past = past.fromTimeline(await get<past.Timeline>('api/x/timeline', { signal }));
      this.error = '';
    } catch (error) {
      if (signal.aborted) return;
      this.error = explain(error);
    }
    this.loaded = true;
  }

  #now(next: past.Past): void {
    this.past = past.since(next, Date.now() + live.skew - KEPT);
  }

  /** Notes which requests have gone. */
  #follow(requests: readonly Request[]): void {
    const now = Date.now();
    const going = new Set(requests.map(({ id }) => id));
    const gone = this.#before
      .filter(({ id }) => !going.has(id))
      .map((request) => ({ ...rideOf(request, now, live.skew), end: now + live.skew }));
    this.#before = requests;
    if (gone.length === 0) return;
    const oldest = now + live.skew - KEPT;
    this.ended = [...this.ended, ...gone].filter(({ end }) => (end ?? now) > oldest).slice(-2000);
  }

  #compare(models: readonly Model[]): void {
    for (const { id, state, peerID } of models) {
      const before = this.#states.get(id);
      if (peerID !== '' || before === state) continue;
      this.#states.set(id, state);
      if (before === undefined && state === 'stopped') continue;
      this.#now(
        past.afterState(this.past, {
          at: new Date().toISOString(),
          model: id,
          generation: 0,
          from: (before ?? 'stopped') as State,
          to: state as State,
          reason: '',
          seconds: 0,
        }),
      );
    }
  }
}

/** A request in progress, on the timeline. */
export function rideOf(request: Request, now: number, skew: number): Ride {
  const begin = now + skew - elapsed(request, now);
  const waited = phaseTimes(request, now)
    .filter(({ phase }) => phase !== 'forwarded' && phase !== 'answering')
    .reduce((sum, { ms }) => sum + ms, 0);
  const served = isRunning(request) ? begin + waited : now + skew;
  return { id: request.id, model: request.model, begin, served, end: null };
}

/** The requests of the past hour: owns what the page knows of those that have ended. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import type { Request } from '$lib/live/state';
import { HOUR } from '$lib/models/history.svelte';
import { type Ride, type Row, rideOf, rideOfRow, together } from './rides';

const MOST_TOLD = 999; // rows, as many as the server gives at once
const MOST_SEEN = 2000;

export class Rides {
  #seen = $state.raw<readonly Ride[]>([]);
  #told = $state.raw<readonly Ride[]>([]);
  readonly ended = $derived(together(this.#seen, this.#told));
  error = $state('');
  #before: readonly Request[] = [];

  /** Kept current for as long as the component that makes it exists. */
  constructor() {
    $effect(() => {
      if (live.connection.status !== 'open' || !live.detailed) return;
      const abort = new AbortController();
      void this.#fetch(abort.signal);
      return () => abort.abort();
    });
    $effect(() => {
      const requests = live.requests ?? [];
      untrack(() => this.#follow(requests));
    });
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const start = new Date(Date.now() + live.skew - HOUR).toISOString();
    try {
      const query = { start, limit: MOST_TOLD };
      const { data } = await get<{ data: Row[] }>('api/x/activity', { query, signal });
      this.#told = data.map(rideOfRow);
      this.error = '';
    } catch (error) {
      if (!signal.aborted) this.error = explain(error);
    }
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
    const oldest = now + live.skew - HOUR;
    this.#seen = [...this.#seen, ...gone]
      .filter(({ end }) => (end ?? now) > oldest)
      .slice(-MOST_SEEN);
  }
}

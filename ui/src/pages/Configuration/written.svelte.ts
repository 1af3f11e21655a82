/** Where the configuration in force was written: owns what the server has told of it. */

import { get } from '$lib/api/client';
import { ApiError, explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import type { Written } from './settings';

export class Place {
  /** Null until it has been fetched, and for a server that does not tell. */
  value = $state.raw<Written | null>(null);
  error = $state('');

  constructor() {
    $effect(() => {
      if (live.connection.status !== 'open') return;
      live.load?.at; // a reload may have moved everything
      const abort = new AbortController();
      void this.#fetch(abort.signal);
      return () => abort.abort();
    });
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      this.value = await get<Written>('api/x/config/origins', { signal });
      this.error = '';
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof ApiError && error.status === 404 ? '' : explain(error);
    }
  }
}

/** The names that requests may use: owns the list of the server, fetched when it may have changed. */

import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import type { Listed } from './names';

/** Milliseconds; states change several at a time. */
const PAUSE = 200;

class Catalog {
  /** Null until the server has answered. */
  listed = $state.raw<Listed[] | null>(null);
  error = $state('');

  /** Keeps the list current; for an effect. */
  watch(): (() => void) | undefined {
    // The models, and what else the listing depends on.
    live.models;
    live.profile;
    if (live.connection.status !== 'open') return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => void this.#fetch(abort.signal), PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      const { data } = await get<{ data: Listed[] }>('v1/models', { signal });
      this.listed = data;
      this.error = '';
    } catch (error) {
      if (!signal.aborted) this.error = explain(error);
    }
  }
}

export const catalog = new Catalog();

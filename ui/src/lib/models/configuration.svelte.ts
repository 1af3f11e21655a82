/** The configuration in force, as far as pages show it; fetched when one first asks. */

import { get } from '$lib/api/client';
import { ApiError } from '$lib/api/errors';
import { session } from '$lib/api/session.svelte';
import { live } from '$lib/live/live.svelte';
import type { Problem } from '$lib/live/wire';

/** A model's settings, under their names in the file, with macros expanded and defaults filled in. */
export interface ModelSettings {
  cmd: string[];
  cmdStop?: string[];
  proxy: string;
  ttl: number;
  concurrencyLimit: number;
  unloadTimeout: number;
  checkEndpoint: string;
  useModelName: string;
  env: string[];
  filters: Record<string, unknown>;
  metadata: Record<string, unknown>;
  capabilities: { in: string[]; out: string[]; tools: boolean; reranker: boolean; context: number };
  [key: string]: unknown;
}

export interface Configuration {
  /** When it was last loaded, or could not be. */
  loaded_at: string;
  /** When that which is in force was loaded. */
  since: string;
  ok: boolean;
  error: Problem[];
  warnings: Problem[];
  active: { models: Record<string, ModelSettings>; [key: string]: unknown };
}

class Store {
  /** Null until it has been fetched, and for a server that does not tell. */
  value = $state.raw<Configuration | null>(null);
  error = $state.raw<unknown>(null);

  /** Keeps it current for as long as the component that calls this exists. */
  use(): void {
    $effect(() => {
      if (session.refused) this.value = null; // whoever has logged out has seen enough
      if (live.connection.status !== 'open') return;
      live.load?.at; // a reload may have changed it
      const abort = new AbortController();
      void this.#fetch(abort.signal);
      return () => abort.abort();
    });
  }

  model(id: string): ModelSettings | undefined {
    return this.value?.active.models[id];
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    try {
      this.value = await get<Configuration>('api/x/config', { signal });
      this.error = null;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof ApiError && error.status === 404 ? null : error;
    }
  }
}

export const configuration = new Store();

/** The profiles that there are; which one is active is told by `live`. */

import { get, put } from '$lib/api/client';
import { isAbort } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';

export interface Profile {
  id: string;
  description: string;
  /** Where each name leads; empty: nowhere. */
  pins: Record<string, string>;
}

class Profiles {
  list = $state.raw<Profile[]>([]);
  error = $state.raw<unknown>(null);

  /** Fetches them now and whenever they may have changed; never ends. */
  constructor() {
    $effect.root(() => {
      $effect(() => {
        if (live.connection.status !== 'open') return;
        live.load?.at;
        void this.#fetch();
      });
    });
  }

  async choose(id: string | null): Promise<void> {
    await put('api/profiles/active', { name: id });
  }

  async #fetch(): Promise<void> {
    try {
      this.list = (await get<{ profiles: Profile[] }>('api/profiles')).profiles;
      this.error = null;
    } catch (error) {
      if (!isAbort(error)) this.error = error;
    }
  }
}

export const profiles = new Profiles();

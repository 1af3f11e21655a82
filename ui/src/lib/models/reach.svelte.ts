/** Whether peers answer: owns what the newest request to each has shown. No peer is asked for it. */

import { SvelteMap } from 'svelte/reactivity';
import { get } from '$lib/api/client';
import { live } from '$lib/live/live.svelte';

export interface Answered {
  /** Milliseconds since the epoch. */
  at: number;
  /** Why it did not answer; empty if it did. */
  error: string;
}

interface Row {
  timestamp: string;
  outcome: string;
  error_msg?: string;
}

const PAUSE = 2000; // milliseconds; requests may end quickly
/** What errors begin with that are not of the peer's making. */
const UNREACHED = 'peer proxy error: ';

class Reach {
  #peers = new SvelteMap<string, Answered>();

  of(peer: string): Answered | undefined {
    return this.#peers.get(peer);
  }

  /** Keeps it current for as long as the component that calls this exists. */
  use(): void {
    let news = $state(0);
    const models = $derived((live.models ?? []).filter(({ peerID }) => peerID !== ''));
    const known = $derived(models.map(({ id }) => id).join('\n'));
    $effect(() => live.on('activity', () => (news += 1)));
    $effect(() => {
      if (known === '' || live.connection.status !== 'open' || !live.detailed) return;
      const abort = new AbortController();
      const timer = setTimeout(
        () => {
          for (const peer of new Set(models.map(({ peerID }) => peerID))) {
            const ids = models.filter(({ peerID }) => peerID === peer).map(({ id }) => id);
            void this.#fetch(peer, ids, abort.signal);
          }
        },
        news > 0 ? PAUSE : 0,
      );
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  async #fetch(peer: string, model: string[], signal: AbortSignal): Promise<void> {
    try {
      const query = { model, outcome: ['done', 'failed'], limit: 1 };
      const { data } = await get<{ data: Row[] }>('api/x/activity', { query, signal });
      if (data[0] !== undefined) this.#peers.set(peer, shown(data[0]));
    } catch {} // what is shown of it is worth no alarm
  }
}

function shown({ timestamp, outcome, error_msg = '' }: Row): Answered {
  const failed = outcome === 'failed' && error_msg.startsWith(UNREACHED);
  return { at: Date.parse(timestamp), error: failed ? error_msg.slice(UNREACHED.length) : '' };
}

export const reach = new Reach();

/** What model servers use: owns the newest answer of `/api/x/servers`. */

import { SvelteMap } from 'svelte/reactivity';
import { get } from '$lib/api/client';
import { capacity } from '$lib/format';
import { live } from '$lib/live/live.svelte';
import { repeatedly } from '$lib/polling';

export interface Server {
  model: string;
  pid: number | null;
  /** Seconds. */
  uptime: number | null;
  rss_bytes: number | null;
  gpus: { id: number | null; name: string; memory_bytes: number }[];
  /** Seconds that its last successful start took. */
  load_time: number | null;
  /** Seconds since it was last used; null: it never was. */
  idle?: number | null;
  /** Seconds until it is unloaded for being idle, if nobody uses it. */
  unload_in?: number | null;
}

const PAUSE = 10_000; // milliseconds
const SOON = 400; // after news, which come several at a time

class Usage {
  #servers = new SvelteMap<string, Server>();
  /** When that was, in milliseconds since the epoch by our clock. */
  at = $state(0);
  /** By our clock, when each idle model will be unloaded. */
  #unloads = new SvelteMap<string, number>();

  /** Keeps it current for as long as the component that calls this exists. */
  use(): void {
    // A change of a state, the first request for a model and the end of its last one are news.
    const news = $derived(
      [
        ...(live.models ?? []).map(({ id, state }) => `${id} ${state}`),
        ...new Set((live.requests ?? []).map(({ model }) => model)),
      ].join('\n'),
    );
    $effect(() => {
      if (news === '' || live.connection.status !== 'open' || !live.detailed) return;
      const abort = new AbortController();
      const timer = setTimeout(() => {
        void repeatedly(
          (signal) => this.#fetch(signal),
          () => PAUSE,
          abort.signal,
        );
      }, SOON);
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  of(model: string): Server | undefined {
    return this.#servers.get(model);
  }

  /** Milliseconds since the epoch at which an idle model is unloaded; undefined: it is not. */
  unloadsAt(model: string): number | undefined {
    return this.#unloads.get(model);
  }

  /** Milliseconds since the epoch at which a model was last used; undefined: nobody knows. */
  usedAt(model: string): number | undefined {
    const idle = this.#servers.get(model)?.idle;
    return typeof idle === 'number' ? this.at - idle * 1000 : undefined;
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    let servers: Server[];
    try {
      servers = (await get<{ servers: Server[] }>('api/x/servers', { signal })).servers;
    } catch {
      return; // what is shown of it is worth no alarm; the next answer brings it
    }
    const now = Date.now();
    this.at = now;
    const gone = new Set(this.#servers.keys());
    for (const server of servers) {
      const { model, unload_in } = server;
      gone.delete(model);
      this.#servers.set(model, server);
      if (typeof unload_in === 'number') this.#unloads.set(model, now + unload_in * 1000);
      else this.#unloads.delete(model);
    }
    for (const model of gone) {
      this.#servers.delete(model);
      this.#unloads.delete(model);
    }
  }
}

export const usage = new Usage();

function ofGpu({ id, name, memory_bytes }: Server['gpus'][number]): string {
  return `${capacity(memory_bytes)} on ${id === null ? name : `GPU ${id}`}`;
}

/** How much memory of GPUs a server uses, short: 14.3 GiB on GPU 0, or 28.5 GiB on 2 GPUs. */
export function gpuWords({ gpus }: Server): string {
  const [first] = gpus;
  if (first === undefined) return '';
  if (gpus.length === 1) return ofGpu(first);
  const sum = gpus.reduce((bytes, { memory_bytes }) => bytes + memory_bytes, 0);
  return `${capacity(sum)} on ${gpus.length} GPUs`;
}

/** How much memory of the machine a server uses; empty if that is not known. */
export function hostWords({ rss_bytes }: Server): string {
  return rss_bytes === null ? '' : `${capacity(rss_bytes)} RAM`;
}

/** All of that: 1.20 GiB RAM, 14.3 GiB on GPU 0, 14.2 GiB on GPU 1. */
export function memoryWords(server: Server): string {
  return [hostWords(server), ...server.gpus.map(ofGpu)].filter(Boolean).join(', ');
}

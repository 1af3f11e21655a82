/** The memory of the GPUs: owns the newest samples of it. */

import { get } from '$lib/api/client';
import { ApiError } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import { repeatedly } from '$lib/polling';

export interface VideoMemory {
  id: number;
  name: string;
  /** MiB. */
  mem_used_mb: number;
  mem_total_mb: number;
}

const PAUSE = 10_000; // milliseconds
const RECENT = 30_000; // samples asked for; one is taken every few seconds

export class Video {
  /** One for each GPU; empty if there is none, or nobody knows. */
  memory = $state.raw<readonly VideoMemory[]>([]);

  /** Kept current for as long as the component that makes it exists. */
  constructor() {
    $effect(() => {
      live.load?.at; // a reload may have switched it on or off
      if (live.connection.status !== 'open') return;
      const abort = new AbortController();
      void repeatedly(
        (signal) => this.#fetch(signal, abort),
        () => PAUSE,
        abort.signal,
      );
      return () => abort.abort();
    });
  }

  async #fetch(signal: AbortSignal, all: AbortController): Promise<void> {
    const after = new Date(Date.now() + live.skew - RECENT).toISOString();
    try {
      const query = { after };
      const answer = await get<{ gpu_stats: VideoMemory[] | null }>('api/performance', {
        query,
        signal,
      });
      const newest = new Map(answer.gpu_stats?.map((sample) => [sample.id, sample]));
      this.memory = [...newest.values()].sort((a, b) => a.id - b.id);
    } catch (error) {
      this.memory = [];
      if (error instanceof ApiError && error.status === 503) all.abort(); // it is switched off
    }
  }
}

/** Used and all memory of one or of all GPUs, in bytes. */
export function sum(memory: readonly VideoMemory[]): { used: number; total: number } {
  const bytes = (of: (each: VideoMemory) => number) =>
    memory.reduce((all, each) => all + of(each) * 2 ** 20, 0);
  return { used: bytes((each) => each.mem_used_mb), total: bytes((each) => each.mem_total_mb) };
}

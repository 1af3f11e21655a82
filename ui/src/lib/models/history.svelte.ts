/** What the models did in the past hour, as it goes on. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import type { Model } from '$lib/live/state';
import type { State, StateEvent } from '$lib/live/wire';
import * as past from './past';

/** Milliseconds that are looked back. */
export const HOUR = 3_600_000;

export class History {
  past = $state.raw(past.nothingBefore(Date.now()));
  error = $state('');
  loaded = $state(false);
  /** What was told while an answer was on its way, which may lack it. */
  #told: ((before: past.Past) => past.Past)[] | null = null;
  #states = new Map<string, string>();

  /** Kept current for as long as the component that makes it exists. */
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
        live.on('state', (event) => this.#on((before) => past.afterState(before, event))),
        live.on('swap', (event) => this.#on((before) => past.afterSwap(before, event))),
        live.on('start_failed', (event) => this.#on((before) => past.afterFailure(before, event))),
      ];
      return () => {
        for (const end of ends) end();
      };
    });
    $effect(() => {
      // A server that does not tell of changes still tells of states.
      const models = live.detailed ? [] : (live.models ?? []);
      untrack(() => this.#compare(models));
    });
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    this.#told = [];
    try {
      const answer = await get<past.Timeline>('api/x/timeline', { signal });
      this.past = (this.#told ?? []).reduce((sum, step) => step(sum), past.fromTimeline(answer));
      this.error = '';
    } catch (error) {
      if (signal.aborted) return;
      this.error = explain(error);
    }
    this.#told = null;
    this.loaded = true;
  }

  #on(step: (before: past.Past) => past.Past): void {
    this.#told?.push(step);
    this.past = past.since(step(this.past), Date.now() + live.skew - HOUR);
  }

  #compare(models: readonly Model[]): void {
    for (const { id, state, peerID } of models) {
      const before = this.#states.get(id);
      if (peerID !== '' || before === state) continue;
      this.#states.set(id, state);
      if (before === undefined && state === 'stopped') continue;
      const event: StateEvent = {
        at: new Date().toISOString(),
        model: id,
        generation: 0,
        from: (before ?? 'stopped') as State,
        to: state as State,
        reason: '',
        seconds: 0,
      };
      this.#on((sum) => past.afterState(sum, event));
    }
  }
}

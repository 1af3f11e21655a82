/** The samples of the machine: owns what this page has of them, and asks for more. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { ApiError, explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import { HOUR } from '$lib/models/history.svelte';
import { repeatedly } from '$lib/polling';
import { type Answer, joined, knownUntil, NONE, spacing } from './samples';

const USUAL = 5000; // milliseconds between samples, where nothing is set

export class Monitor {
  samples = $state.raw(NONE);
  state = $state<'loading' | 'on' | 'off'>('loading');
  error = $state('');
  readonly every = $derived(spacing(this.samples, USUAL));
  /** From when on samples were asked for. */
  #from = Number.POSITIVE_INFINITY;

  /** Follows for as long as the component that makes it exists; `span`: milliseconds wanted. */
  constructor(span: () => number, paused: () => boolean) {
    $effect(() => {
      const wanted = span();
      live.load?.at; // a reload may have switched it on or off
      if (live.connection.status !== 'open' || paused()) return;
      const abort = new AbortController();
      untrack(() => {
        const fetch = (signal: AbortSignal) => this.#fetch(wanted, signal);
        void repeatedly(fetch, () => this.every, abort.signal);
      });
      return () => abort.abort();
    });
  }

  async #fetch(span: number, signal: AbortSignal): Promise<void> {
    const now = Date.now() + live.skew;
    const from = now - span;
    const whole = from < this.#from - this.every;
    const after = whole ? from : (knownUntil(this.samples) ?? from);
    try {
      const query = { after: new Date(after).toISOString() };
      const answer = await get<Answer>('api/performance', { query, signal });
      this.samples = joined(whole ? NONE : this.samples, answer, now - HOUR);
      if (whole) this.#from = from;
      this.state = 'on';
      this.error = '';
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 503) this.state = 'off';
      else this.error = explain(error);
    }
  }
}

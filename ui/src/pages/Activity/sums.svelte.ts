/** Sums over finished requests: owns the last ones that were fetched. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import { type Filters, forServer, type ServerQuery } from './filters';
import type { OfModel, OfTime, Statistics } from './statistics';

/** Milliseconds between two looks while requests end. */
const EVERY = 3000;

/** Calls now, when what `wished` returns changes, and, at leisure, as requests end. */
function whenever(wished: () => string, fetch: (signal: AbortSignal) => Promise<void>): void {
  let abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    timer = undefined;
    abort.abort();
    abort = new AbortController();
    void fetch(abort.signal);
  };
  $effect(() => {
    wished();
    if (live.connection.status !== 'open') return;
    live.detailed;
    untrack(run);
    return () => abort.abort();
  });
  $effect(() => live.on('activity', () => (timer ??= setTimeout(run, EVERY))));
  $effect(() => () => clearTimeout(timer));
}

/** Of the filters, models and times count. */
function asked(filters: Filters): ServerQuery {
  const { model, start, end } = forServer(filters, Date.now() + live.skew);
  return { ...(model && { model }), ...(start && { start }), ...(end && { end }) };
}

function wish({ model, last, from, to }: Filters): string {
  return JSON.stringify({ model, last, from, to });
}

export class Sums {
  /** With the distribution of speeds; of one model or of all, whatever the time. */
  statistics = $state.raw<Statistics | null>(null);
  /** Null until they have been fetched, and for a server that does not tell. */
  ofModels = $state.raw<OfModel[] | null>(null);
  error = $state('');

  constructor(filters: () => Filters) {
    const wished = $derived(wish(filters()));
    whenever(
      () => wished,
      (signal) => this.#fetch(filters(), signal),
    );
  }

  async #fetch(filters: Filters, signal: AbortSignal): Promise<void> {
    const model = filters.model.length === 1 ? filters.model : [];
    try {
      const [statistics, sums] = await Promise.all([
        get<Statistics>('api/metrics/stats', { query: { model }, signal }),
        live.detailed
          ? get<{ data: OfModel[] }>('api/x/activity/totals', {
              query: { ...asked(filters), by: 'model' },
              signal,
            })
          : null,
      ]);
      this.statistics = statistics;
      this.ofModels = sums?.data ?? null;
      this.error = '';
    } catch (error) {
      if (!signal.aborted) this.error = explain(error);
    }
  }
}

export class SumsOverTime {
  data = $state.raw<OfTime[] | null>(null);
  error = $state('');

  /** `span`: from when to when, in milliseconds, and whether by hour or by day. */
  constructor(
    filters: () => Filters,
    span: () => { from: number; to: number; by: 'hour' | 'day' },
  ) {
    const wished = $derived(JSON.stringify([filters().model, span().by, span().from]));
    whenever(
      () => wished,
      async (signal) => {
        const { from, to, by } = span();
        const start = new Date(from).toISOString();
        const end = new Date(to).toISOString();
        try {
          const { data } = await get<{ data: OfTime[] }>('api/x/activity/totals', {
            query: { model: filters().model, by, start, end },
            signal,
          });
          this.data = data;
          this.error = '';
        } catch (error) {
          if (!signal.aborted) this.error = explain(error);
        }
      },
    );
  }
}

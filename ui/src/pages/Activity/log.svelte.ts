/** A page of the activity log: owns which rows are here, and how many have come since. */

import { untrack } from 'svelte';
import { get } from '$lib/api/client';
import { explain } from '$lib/api/errors';
import { live } from '$lib/live/live.svelte';
import { type Filters, forServer, type ServerQuery } from './filters';
import type { Row, RowsPage } from './rows';

export interface Wish {
  filters: Filters;
  page: number;
  limit: number;
  sort: string;
  order: 'asc' | 'desc';
}

/** Milliseconds between two looks at what has come. */
const EVERY = 1000;

export class Log {
  /** Null until it has been fetched. */
  page = $state.raw<RowsPage | null>(null);
  error = $state('');
  pending = $state(false);
  /** Rows that pass the filters and are not here. */
  more = $state(0);
  /** Rows with higher numbers than this have come before the reader's eyes. */
  seen = $state.raw(Number.POSITIVE_INFINITY);

  #wish: () => Wish;
  #still: () => boolean;
  /** Changes only if something else is wished for. */
  #asked = $derived.by(() => JSON.stringify(this.#wish()));
  /** The first row that has come since the last look, 0 if none has. */
  #unseen = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #round = new AbortController();

  /** `still`: rows must not move at the moment, as somebody reads them. */
  constructor(wish: () => Wish, still: () => boolean) {
    this.#wish = wish;
    this.#still = still;
    $effect(() => {
      this.#asked;
      if (live.connection.status !== 'open') return;
      live.detailed;
      untrack(() => void this.refresh());
      return () => this.#round.abort();
    });
    $effect(() =>
      live.on('activity', ({ id }) => {
        if (this.#unseen === 0) this.#unseen = id;
        this.#soon();
      }),
    );
    $effect(() => {
      if (!still()) untrack(() => this.#soon());
    });
    $effect(() => () => clearTimeout(this.#timer));
  }

  /** Fetches what is here again. */
  async refresh(): Promise<void> {
    await this.#fetch(Number.POSITIVE_INFINITY);
  }

  #soon(): void {
    if (this.#unseen === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (live.connection.status !== 'open' || this.#unseen === 0) return;
      if (this.#still()) void this.#count();
      else void this.#fetch(this.#unseen - 1);
    }, EVERY);
  }

  async #fetch(seen: number): Promise<void> {
    this.#round.abort();
    const round = new AbortController();
    this.#round = round;
    const unseen = this.#unseen;
    this.#unseen = 0;
    this.pending = true;
    const { filters, ...rest } = this.#wish();
    const query = { ...asked(filters), ...texts(rest) };
    try {
      const page = await get<RowsPage>(path(), { query, signal: round.signal });
      this.seen = this.page === null ? Number.POSITIVE_INFINITY : seen;
      this.page = { ...page, data: unchanged(this.page?.data ?? [], page.data) };
      this.more = 0;
      this.error = '';
    } catch (error) {
      if (round.signal.aborted) return;
      this.#unseen ||= unseen;
      this.error = explain(error);
    }
    this.pending = false;
  }

  /** Counts what has come and passes the filters, without moving anything. */
  async #count(): Promise<void> {
    const since = this.#unseen;
    const filters = { ...this.#wish().filters, min: String(since) };
    try {
      const { total } = await get<RowsPage>(path(), { query: { ...asked(filters), limit: '1' } });
      if (this.#unseen === since) this.more = total;
    } catch {
      // Whoever wants to see them fetches them again, and is told then.
    }
  }
}

/** Rows do not change once they are there, except that a capture goes: so nothing is drawn anew. */
function unchanged(old: readonly Row[], fetched: readonly Row[]): Row[] {
  const known = new Map(old.map((row) => [row.id, row]));
  return fetched.map((row) => {
    const same = known.get(row.id);
    return same?.has_capture === row.has_capture && same.timestamp === row.timestamp ? same : row;
  });
}

function path(): string {
  return live.detailed ? 'api/x/activity' : 'api/metrics/activity';
}

function asked(filters: Filters): ServerQuery {
  return forServer(filters, Date.now() + live.skew, live.detailed);
}

function texts(values: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

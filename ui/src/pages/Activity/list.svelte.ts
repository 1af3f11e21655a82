/** A list of finished requests: owns what the address says of it, and what is chosen in it. */

import { live } from '$lib/live/live.svelte';
import { router } from '$lib/router.svelte';
import { arranged, COLUMNS } from './columns';
import { type Filters, inAddress, NONE, parse } from './filters';
import { Log } from './log.svelte';
import type { ListWishes } from './preferences.svelte';

/** Columns beside the details of a row, where there is room for few. */
const FEW = new Set(['id', 'time', 'model', 'resp_status_code', 'generated', 'duration']);
const SORTABLE = new Set(COLUMNS.filter(({ sortable }) => sortable).map(({ id }) => id));
const IN_ORDER = new Set(['id', 'time']);

export class List {
  readonly log: Log;
  /** The pointer or the keyboard is at the rows, so they must not move. */
  touched = $state(false);
  /** New rows wait until somebody asks for them. */
  paused = $state(false);
  /** The page is not seen. */
  hidden = $state(document.hidden);

  readonly #query = $derived(router.route.query);
  readonly filters: Filters = $derived.by(() => {
    const filters = parse(this.#query);
    return this.model === undefined ? filters : { ...filters, model: [this.model] };
  });
  readonly fixed: readonly (keyof Filters)[];
  readonly sort = $derived.by(() => {
    const wanted = this.#query.get('sort') ?? '';
    return SORTABLE.has(wanted) ? wanted : 'id';
  });
  readonly order: 'asc' | 'desc' = $derived(this.#query.get('order') === 'asc' ? 'asc' : 'desc');
  readonly page = $derived(Math.max(1, Math.floor(Number(this.#query.get('page'))) || 1));
  /** The number of the row whose details are shown. */
  readonly row = $derived(Math.floor(Number(this.#query.get('row'))) || null);
  readonly columns = $derived.by(() => {
    const without = this.model === undefined ? [] : ['model'];
    const all = arranged(this.wishes.columns.value, without);
    return live.detailed ? all : all.filter(({ own }) => !own);
  });
  readonly rows = $derived.by(() => this.log.page?.data ?? []);

  /** `model`: only its requests. */
  constructor(
    readonly wishes: ListWishes,
    readonly model?: string,
  ) {
    this.fixed = model === undefined ? [] : ['model'];
    this.log = new Log(
      () => ({
        filters: this.filters,
        page: this.page,
        limit: wishes.pageSize.value,
        sort: this.sort,
        order: this.order,
      }),
      () => this.touched || this.paused || this.hidden || this.row !== null || !this.atTheTop,
    );
  }

  /** Whether this is where new rows come. */
  get atTheTop(): boolean {
    return this.page === 1 && this.order === 'desc' && IN_ORDER.has(this.sort);
  }

  visible(few: boolean) {
    const visible = this.columns.filter((column) => column.visible);
    const left = few ? visible.filter(({ id }) => FEW.has(id)) : visible;
    return left.length > 0 ? left : visible;
  }

  filter(changes: Partial<Filters>): void {
    router.setQuery(inAddress(changes));
  }

  clear(): void {
    const all = Object.entries(NONE).filter(
      ([name]) => !this.fixed.includes(name as keyof Filters),
    );
    this.filter(Object.fromEntries(all));
  }

  sortBy(id: string): void {
    const order = this.sort === id && this.order === 'asc' ? 'desc' : 'asc';
    router.setQuery({ sort: id, order, page: null });
  }

  /** The address at which a page of the list is. */
  pageAddress(page: number): string {
    return router.address({ page: page === 1 ? null : String(page), row: null });
  }

  turnTo(page: number): void {
    const pages = this.log.page?.total_pages ?? 1;
    router.setQuery({ page: page <= 1 ? null : String(Math.min(page, pages)), row: null });
  }

  /** The address at which the details of a row are shown. */
  rowAddress(id: number): string {
    return router.address({ row: String(id) });
  }

  choose(id: number | null): void {
    router.setQuery({ row: id === null ? null : String(id) });
  }

  /** The row after the chosen one, or with -1 the one before; null: there is none on this page. */
  neighbour(by: 1 | -1): number | null {
    const at = this.rows.findIndex(({ id }) => id === this.row);
    return at < 0 ? null : (this.rows[at + by]?.id ?? null);
  }

  /** Goes where the new rows are. */
  showNew(): void {
    this.paused = false;
    const there = this.atTheTop;
    if (!there || this.row !== null) {
      router.setQuery({ page: null, sort: null, order: null, row: null });
    }
    // At the top nothing else is asked for than before, so it has to be asked for again.
    if (there) void this.log.refresh();
  }
}

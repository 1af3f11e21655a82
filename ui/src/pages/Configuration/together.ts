/** Whether models may run at the same time, from what each would stop. Pure. */

export interface Stops {
  target: string;
  /** Those of the others that it stops when it comes last. */
  evict: readonly string[];
}

/** An order in which they can be loaded so that all run; null: there is none. */
export function orderOf(models: readonly Stops[]): string[] | null {
  const order: string[] = [];
  let left = [...models];
  while (left.length > 0) {
    // A model has to come before those that it would stop.
    const next = left.find(
      ({ target }) =>
        !left.some(({ target: other, evict }) => other !== target && evict.includes(target)),
    );
    if (next === undefined) return null;
    order.push(next.target);
    left = left.filter((model) => model !== next);
  }
  return order;
}

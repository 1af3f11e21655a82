/** The numbers of pages that lead on from a page: the first, the last, and those around it. Pure. */

/** Null stands for those left out; there are at most nine entries. */
export function pageNumbers(page: number, pages: number): (number | null)[] {
  if (pages <= 9) return Array.from({ length: pages }, (_, index) => index + 1);
  const from = Math.max(2, Math.min(page - 2, pages - 6));
  const to = Math.min(pages - 1, Math.max(page + 2, 7));
  const around = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return [1, ...(from > 2 ? [null] : []), ...around, ...(to < pages - 1 ? [null] : []), pages];
}

/** Documents and what a reranker thinks of them. Pure. */

export interface Reranked {
  results?: { index: number; relevance_score: number }[];
  usage?: { prompt_tokens?: number; total_tokens?: number };
}

export type Order = 'best' | 'worst' | 'written';

/** The documents that are sent, with their places in the list; empty ones are left out. */
export function sent(documents: readonly string[]): { index: number; text: string }[] {
  return documents.map((text, index) => ({ index, text })).filter(({ text }) => text.trim() !== '');
}

/** The score of each document of the list, from an answer about those that were sent. */
export function scores(documents: readonly string[], answer: Reranked): Map<number, number> {
  const places = sent(documents);
  const found = new Map<number, number>();
  for (const { index, relevance_score } of answer.results ?? []) {
    const place = places[index];
    if (place !== undefined && Number.isFinite(relevance_score))
      found.set(place.index, relevance_score);
  }
  return found;
}

/** The places of the documents in an order; those without a score come last. */
export function ordered(count: number, found: ReadonlyMap<number, number>, order: Order): number[] {
  const places = Array.from({ length: count }, (_, index) => index);
  if (order === 'written') return places;
  const sign = order === 'best' ? -1 : 1;
  const value = (place: number) => found.get(place) ?? Number.NaN;
  return places.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || a - b;
    return sign * (left - right) || a - b;
  });
}

/** A query and documents as JSON; throws with what is wrong. */
export function fromJson(text: string): { query: string; documents: string[] } {
  const value = JSON.parse(text) as { query?: unknown; documents?: unknown } | null;
  if (typeof value?.query !== 'string') throw new Error('"query" has to be a text');
  const { documents } = value;
  if (!Array.isArray(documents) || documents.some((each) => typeof each !== 'string')) {
    throw new Error('"documents" has to be a list of texts');
  }
  return { query: value.query, documents };
}

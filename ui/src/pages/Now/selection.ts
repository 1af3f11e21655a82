import type { Span, Swap } from '$lib/models/past';

/** What the user has chosen on the timeline: what a model was for a time, or swaps. */
export type Chosen = ChosenSpan | ChosenSwaps;

export interface ChosenSpan {
  kind: 'span';
  model: string;
  span: Span;
}

export interface ChosenSwaps {
  kind: 'swaps';
  swaps: readonly Swap[];
}

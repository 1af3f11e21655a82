import type { Span } from '$lib/models/past';

/** A segment of the timeline that the user has chosen. */
export interface Chosen {
  model: string;
  span: Span;
}

import type { Span } from './past';

/** A segment of the timeline that the user has chosen. */
export interface Chosen {
  model: string;
  span: Span;
}

/** What the models did lately, and how each piece of news continues it. Pure. */

import { byName } from '$lib/format';
import type { StartFailedEvent, State, StateEvent, SwapEvent } from '$lib/live/wire';

/** A model was in a state; times are milliseconds since the epoch by the server's clock. */
export interface Span {
  state: State;
  begin: number;
  /** Null: it still is. */
  end: number | null;
  /** Why it came into it; may be empty. */
  reason: string;
}

export interface Swap {
  at: number;
  model: string;
  evict: readonly string[];
  reason: string;
  runnerUp: string;
  /** How long until the model was ready; null: it is not, or failed. */
  seconds: number | null;
}

export interface Failure {
  at: number;
  model: string;
  reason: string;
}

export interface Past {
  /** Nothing is known of what was before. */
  begun: number;
  spans: ReadonlyMap<string, readonly Span[]>;
  swaps: readonly Swap[];
  failures: readonly Failure[];
}

/** The answer of `/api/x/timeline`. */
export interface Timeline {
  begun: string;
  models: Record<string, { state: State; from: string; to: string | null; reason: string }[]>;
  swaps: {
    at: string;
    model: string;
    evict: string[];
    reason: string;
    runner_up: string;
    seconds: number | null;
  }[];
  failures: { at: string; model: string; reason: string }[];
}

export function nothingBefore(begun: number): Past {
  return { begun, spans: new Map(), swaps: [], failures: [] };
}

export function fromTimeline(timeline: Timeline): Past {
  return {
    begun: Date.parse(timeline.begun),
    spans: new Map(
      Object.entries(timeline.models).map(([model, spans]) => [
        model,
        spans.map(({ state, from, to, reason }) => ({
          state,
          begin: Date.parse(from),
          end: to === null ? null : Date.parse(to),
          reason,
        })),
      ]),
    ),
    swaps: timeline.swaps.map(({ at, runner_up, ...swap }) => ({
      ...swap,
      at: Date.parse(at),
      runnerUp: runner_up,
    })),
    failures: timeline.failures.map((failure) => ({ ...failure, at: Date.parse(failure.at) })),
  };
}

/** The past after a model has changed its state. */
export function afterState(past: Past, event: StateEvent): Past {
  const at = Date.parse(event.at);
  const known = past.spans.get(event.model) ?? [];
  const last = known.at(-1);
  // What was fetched and what was told may overlap.
  if (last !== undefined && last.begin >= at && last.state === event.to) return past;
  const closed = last === undefined ? [] : [...known.slice(0, -1), { ...last, end: at }];
  const span = { state: event.to, begin: at, end: null, reason: event.reason };
  const spans = new Map(past.spans).set(event.model, [...closed, span]);
  return {
    ...past,
    spans,
    swaps: event.to === 'ready' ? done(past.swaps, event.model, at) : past.swaps,
  };
}

function done(swaps: readonly Swap[], model: string, at: number): readonly Swap[] {
  const index = swaps.findLastIndex((swap) => swap.model === model);
  const swap = swaps[index];
  if (swap === undefined || swap.seconds !== null) return swaps;
  return swaps.with(index, { ...swap, seconds: (at - swap.at) / 1000 });
}

export function afterSwap(past: Past, event: SwapEvent): Past {
  const at = Date.parse(event.at);
  if (past.swaps.some((swap) => swap.at === at && swap.model === event.model)) return past;
  const { model, evict, reason, runner_up: runnerUp } = event;
  return { ...past, swaps: [...past.swaps, { at, model, evict, reason, runnerUp, seconds: null }] };
}

export function afterFailure(past: Past, event: StartFailedEvent): Past {
  const at = Date.parse(event.at);
  if (past.failures.some((failure) => failure.at === at && failure.model === event.model)) {
    return past;
  }
  return {
    ...past,
    failures: [...past.failures, { at, model: event.model, reason: event.reason }],
  };
}

/** The past without what ended before a time. */
export function since(past: Past, after: number): Past {
  const spans = [...past.spans].map(
    ([model, all]) => [model, all.filter(({ end }) => end === null || end > after)] as const,
  );
  return {
    begun: past.begun,
    spans: new Map(spans.filter(([, all]) => all.length > 0)),
    swaps: past.swaps.filter(({ at }) => at > after),
    failures: past.failures.filter(({ at }) => at > after),
  };
}

/** The models that were up at some time in a window, or failed, by name. */
export function modelsIn(past: Past, from: number, to: number): string[] {
  const found = new Set<string>();
  for (const [model, spans] of past.spans) {
    const up = ({ state, begin, end }: Span) =>
      state !== 'stopped' && begin < to && (end === null || end > from);
    if (spans.some(up)) found.add(model);
  }
  for (const { model, at } of past.failures) if (at >= from && at <= to) found.add(model);
  return [...found].sort(byName);
}

export interface Change {
  at: number;
  model: string;
  /** What it became. */
  change: State | 'failed';
  cause: string;
  /** How long what was before had lasted, in milliseconds; null if that is not known. */
  lasted: number | null;
  /** The state before, of which `lasted` tells. */
  before: State | null;
}

/** All changes as a list, the latest first. */
export function changes(past: Past): Change[] {
  const found: Change[] = past.failures.map(({ at, model, reason }) => ({
    at,
    model,
    change: 'failed',
    cause: reason,
    lasted: null,
    before: null,
  }));
  for (const [model, spans] of past.spans) {
    spans.forEach((span, index) => {
      const before = spans[index - 1];
      found.push({
        at: span.begin,
        model,
        change: span.state,
        cause: causeOf(past, model, span),
        lasted: before === undefined ? null : span.begin - before.begin,
        before: before?.state ?? null,
      });
    });
  }
  return found.sort((a, b) => b.at - a.at);
}

/** Milliseconds that may lie between a swap and what it does. */
const NEAR = 250;

/** Why a model came into a state, in words; empty if nobody knows. */
export function causeOf(past: Past, model: string, span: Span): string {
  if (span.state !== 'starting') return span.reason;
  const swap = past.swaps.findLast((s) => s.model === model && s.at <= span.begin + NEAR);
  const evicted = swap?.evict ?? [];
  const before = past.spans.get(model)?.findLast(({ begin }) => begin < span.begin);
  if (swap === undefined || (before !== undefined && swap.at < before.begin)) return span.reason;
  const why = swap.reason ? ` (${swap.reason})` : '';
  return evicted.length > 0 ? `requested, stops ${evicted.join(', ')}${why}` : 'requested';
}

export interface Summary {
  swaps: number;
  /** Seconds in which somebody waited for a model to be ready. */
  seconds: number;
}

export function summary(past: Past): Summary {
  const known = past.swaps.filter(({ seconds }) => seconds !== null);
  return {
    swaps: past.swaps.length,
    seconds: known.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0),
  };
}

/** Two models that drove one another out several times lately. */
export interface Alternation {
  models: readonly [string, string];
  times: number;
}

const OFTEN = 4;

/** The pair that swaps most, if that is often. */
export function alternation(past: Past, after: number): Alternation | null {
  const pairs = new Map<string, Alternation>();
  for (const { at, model, evict } of past.swaps) {
    if (at < after) continue;
    for (const other of evict) {
      const models = [model, other].sort(byName) as [string, string];
      const key = JSON.stringify(models);
      pairs.set(key, { models, times: (pairs.get(key)?.times ?? 0) + 1 });
    }
  }
  const [most] = [...pairs.values()].sort((a, b) => b.times - a.times);
  return most !== undefined && most.times >= OFTEN ? most : null;
}

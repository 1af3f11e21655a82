/** Where things are on the time axis. Pure. */

import { grouped } from '$lib/grouped';
import type { Past } from '$lib/models/past';
import type { Ride } from './rides';

/** A window of time, in milliseconds since the epoch. */
export interface Window {
  from: number;
  to: number;
}

/** Position and width in per cent of the window; null if nothing of it is inside. */
export function placed(
  begin: number,
  end: number,
  { from, to }: Window,
): { left: number; width: number } | null {
  if (end <= from || begin >= to) return null;
  const left = (100 * (Math.max(begin, from) - from)) / (to - from);
  const right = (100 * (Math.min(end, to) - from)) / (to - from);
  return { left, width: right - left };
}

const STEPS = [15, 30, 60, 120, 300, 600, 900].map((seconds) => seconds * 1000);

/** Round moments inside a window, no more than `most` and none at its very edges. */
export function ticks(
  { from, to }: Window,
  most = 8,
  offset = new Date(to).getTimezoneOffset(),
): number[] {
  const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? (to - from) / most;
  const shift = offset * 60_000; // round in the reader's time, not in UTC
  const first = Math.ceil((from - shift) / step) * step + shift;
  const found = [];
  const edge = (to - from) / (4 * most); // where a label would be cut
  for (let at = first; at <= to - edge; at += step) if (at >= from + edge) found.push(at);
  return found;
}

/** Things that are so near to one another on screen that they are shown as one. */
export interface Cluster<Item> {
  /** Per cent of the window. */
  left: number;
  items: Item[];
}

/** `near`: per cent of the window that is too little between two. Items are in order of time. */
export function clusters<Item extends { at: number }>(
  items: readonly Item[],
  view: Window,
  near: number,
): Cluster<Item>[] {
  const found: Cluster<Item>[] = [];
  for (const item of items) {
    const place = placed(item.at, item.at + 1, view);
    if (place === null) continue;
    const last = found.at(-1);
    if (last !== undefined && place.left - last.left < near) last.items.push(item);
    else found.push({ left: place.left, items: [item] });
  }
  return found;
}

/** How many requests were served at a time, as points where that changes. */
export function load(rides: readonly Ride[], now: number): { at: number; count: number }[] {
  const edges = rides
    .flatMap(({ served, end }) => [
      { at: served, by: 1 },
      { at: end ?? now, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let count = 0;
  return edges.map(({ at, by }) => {
    count += by;
    return { at, count };
  });
}

/** The outline of a load as an SVG path over a square of 100 by 100; more than `most` is cut. */
export function outline(
  points: readonly { at: number; count: number }[],
  { from, to }: Window,
  most: number,
): string {
  const x = (at: number) =>
    ((100 * (Math.max(from, Math.min(at, to)) - from)) / (to - from)).toFixed(2);
  const y = (count: number) => (100 - (100 * Math.min(count, most)) / most).toFixed(1);
  let path = 'M0 100';
  for (const { at, count } of points) {
    if (at > from && at < to) path += `H${x(at)}`;
    if (at < to) path += `V${y(count)}`;
  }
  return `${path}H100V100Z`;
}

/** A model went on serving although somebody waited for it to make room. */
export interface Drain {
  model: string;
  begin: number;
  end: number;
}

/** Milliseconds by which rows of the activity log may be wrong about when a request came. */
const VAGUE = 1000;

/** Whom others waited for; `waits` are requests that do so now, and for which models. */
export function drains(
  past: Past,
  rides: readonly Ride[],
  waits: readonly { begin: number; models: readonly string[] }[],
  now: number,
): Drain[] {
  const byModel = grouped(rides, ({ model }) => model);
  const found = past.swaps.flatMap(({ at, model, evict }) => {
    const waited = (byModel.get(model) ?? []).filter(
      ({ begin, served }) => begin < at - VAGUE && served > at - VAGUE,
    );
    const begin = Math.min(...waited.map((ride) => ride.begin));
    return waited.length === 0 ? [] : evict.map((id) => ({ model: id, begin, end: at }));
  });
  for (const { begin, models } of waits) {
    found.push(...models.map((model) => ({ model, begin, end: now })));
  }
  const real = found.flatMap(({ model, begin, end }) => {
    // It can only have drained since it was ready.
    const ready = past.spans.get(model)?.findLast((s) => s.state === 'ready' && s.begin < end);
    return ready === undefined ? [] : [{ model, begin: Math.max(begin, ready.begin), end }];
  });
  // Several may have waited for the same.
  const longest = new Map<string, Drain>();
  for (const drain of real.sort((a, b) => b.begin - a.begin)) {
    longest.set(`${drain.end} ${drain.model}`, drain);
  }
  return [...longest.values()];
}

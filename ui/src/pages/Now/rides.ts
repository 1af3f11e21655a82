/** Requests on the timeline. Pure. */

import { grouped } from '$lib/grouped';
import type { Request } from '$lib/live/state';
import type { Phase } from '$lib/live/wire';
import { elapsed, isRunning, phaseTimes } from '$lib/models/requests';

/** A request; times are milliseconds since the epoch by the server's clock. */
export interface Ride {
  /** Its `X-Request-ID`, or where the server does not tell, its number. */
  id: string;
  model: string;
  begin: number;
  /** When it stopped waiting. */
  served: number;
  /** Null: it goes on. */
  end: number | null;
}

/** What a row of `/api/x/activity` tells of a request that has ended. */
export interface Row {
  id: number;
  /** When it ended; whole seconds. */
  timestamp: string;
  model: string;
  duration_ms: number;
  request_id: string | null;
  phases_ms: Partial<Record<Phase, number>> | null;
}

const WAITING: readonly Phase[] = ['queued', 'swapping', 'loading'];

/** A request in progress. */
export function rideOf(request: Request, now: number, skew: number): Ride {
  const begin = now + skew - elapsed(request, now);
  const waited = phaseTimes(request, now)
    .filter(({ phase }) => WAITING.includes(phase))
    .reduce((sum, { ms }) => sum + ms, 0);
  const served = isRunning(request) ? begin + waited : now + skew;
  return { id: request.request_id ?? request.id, model: request.model, begin, served, end: null };
}

export function rideOfRow({ id, timestamp, model, duration_ms, request_id, phases_ms }: Row): Ride {
  const end = Date.parse(timestamp);
  const begin = end - duration_ms;
  const waited = WAITING.reduce((sum, phase) => sum + (phases_ms?.[phase] ?? 0), 0);
  return {
    id: request_id ?? `row ${id}`,
    model,
    begin,
    served: Math.min(end, begin + waited),
    end,
  };
}

/** Milliseconds by which a row and what we saw of the same request may differ. */
const ALIKE = 2500;

/** What we saw and what was told, each request once; clients may use an ID for several. */
export function together(seen: readonly Ride[], told: readonly Ride[]): Ride[] {
  const known = grouped(seen, ({ id }) => id);
  const more = told.filter(
    ({ id, begin }) => !known.get(id)?.some((ride) => Math.abs(ride.begin - begin) < ALIKE),
  );
  return [...more, ...seen];
}

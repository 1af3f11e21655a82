/** What is known of the server, and how each piece of news changes it. Pure. */

import { byName } from '$lib/format';
import type {
  ConfigLoad,
  InFlight,
  InFlightChange,
  ModelDetails,
  ModelStatus,
  Queue,
  StartFailedEvent,
  StateEvent,
} from './wire';

/** A model as pages show it; `details` are what only hotbay tells of local ones. */
export interface Model extends ModelStatus {
  details: ModelDetails | null;
}

/** An entry of the in-flight list, and when it was received (milliseconds since the epoch). */
export interface Request extends InFlight {
  received: number;
}

export interface Connection {
  status: 'connecting' | 'open' | 'lost';
  /** Why it is lost. */
  reason: string;
  /** Until when what is shown was true (milliseconds since the epoch); 0 if it never was. */
  until: number;
  /** When the next attempt is made (milliseconds since the epoch); 0 if none is. */
  retryAt: number;
}

export interface Snapshot {
  connection: Connection;
  /** Sorted by name. Null until the server has told. */
  models: Model[] | null;
  /** In order of arrival. Null until the server has told. */
  requests: Request[] | null;
  /** Null if this server does not tell. */
  queue: Queue | null;
  profile: string | null;
  /** Names of the headers that identify a client's session, in order of preference. */
  sessionHeaders: string[];
  /** What became of the last attempt to load the configuration; null if this server does not tell. */
  load: ConfigLoad | null;
  /** Whether this is a server with hotbay's own events. */
  detailed: boolean;
  /** Milliseconds by which the server's clock is ahead of ours. */
  skew: number;
}

export const UNKNOWN: Snapshot = {
  connection: { status: 'connecting', reason: '', until: 0, retryAt: 0 },
  models: null,
  requests: null,
  queue: null,
  profile: null,
  sessionHeaders: [],
  load: null,
  detailed: false,
  skew: 0,
};

/** The list as the server describes it, with what is known beside it. */
export function merged(
  statuses: readonly ModelStatus[],
  details: ReadonlyMap<string, ModelDetails>,
): Model[] {
  return statuses
    .map((status) => {
      const known = status.peerID === '' ? details.get(status.id) : undefined;
      // hotbay's own events tell of a state first.
      return { ...status, state: known?.state ?? status.state, details: known ?? null };
    })
    .sort((a, b) => byName(a.name || a.id, b.name || b.id) || byName(a.id, b.id));
}

/** The details of a model after it has changed its state. */
export function afterState(old: ModelDetails | undefined, event: StateEvent): ModelDetails {
  const ready = event.to === 'ready';
  const loads = old?.load_seconds ?? [];
  return {
    id: event.model,
    state: event.to,
    since: event.at,
    reason: event.reason,
    load_seconds: ready ? [...loads, event.seconds].slice(-10) : loads,
    failure: ready ? null : (old?.failure ?? null),
  };
}

/** The details of a model after a start of it has failed. */
export function afterFailure(old: ModelDetails | undefined, event: StartFailedEvent): ModelDetails {
  const stopped: ModelDetails = {
    id: event.model,
    state: 'stopped',
    since: event.at,
    reason: event.reason,
    load_seconds: [],
    failure: null,
  };
  return { ...(old ?? stopped), failure: { at: event.at, reason: event.reason } };
}

/** The in-flight list after a change. */
export function afterChange(
  old: readonly Request[],
  change: InFlightChange,
  received: number,
): Request[] {
  switch (change.operation) {
    case 'snapshot':
      return (change.requests ?? []).map((request) => ({ ...request, received })).sort(byArrival);
    case 'upsert': {
      const request = { ...change.request, received };
      const at = old.findIndex(({ id }) => id === request.id);
      return at < 0 ? [...old, request].sort(byArrival) : old.with(at, request);
    }
    case 'remove':
      return old.filter(({ id }) => id !== change.id);
  }
}

function byArrival(a: InFlight, b: InFlight): number {
  return Date.parse(a.timestamp) - Date.parse(b.timestamp) || byName(a.id, b.id);
}

/** What pages and the hub that serves them all say to each other. */

import type { Credentials } from '$lib/api/credentials';
import type { Line } from './lines';
import type { Snapshot } from './state';
import type { Events } from './wire';

/** hotbay's own log, that of all model servers, or that of one. */
export type LogName = 'proxy' | 'upstream' | `model:${string}`;

/** Events that are passed on to pages as they come. */
export type PassedOn = 'state' | 'swap' | 'start_failed' | 'config' | 'patience' | 'activity';

export type FromPage =
  /** The first; `root` is the folder of the server's routes. */
  | { kind: 'hello'; root: string; credentials: Credentials }
  | { kind: 'retry'; credentials: Credentials }
  | { kind: 'watch'; log: LogName }
  | { kind: 'unwatch'; log: LogName }
  /** The user logs out, of all tabs. */
  | { kind: 'leave' }
  | { kind: 'bye' };

export type ToPage =
  | { kind: 'state'; patch: Partial<Snapshot> }
  | { [Name in PassedOn]: { kind: 'event'; name: Name; data: Events[Name] } }[PassedOn]
  /** Lines that follow, or with `all` replace what the page has. */
  | { kind: 'lines'; log: LogName; lines: Line[]; all: boolean }
  /** Why a log cannot be had; empty: it can. */
  | { kind: 'logState'; log: LogName; reason: string }
  | { kind: 'refused'; credentials: Credentials }
  /** The server takes this key, which came from some tab. */
  | { kind: 'admitted'; key: string }
  /** The user has logged out, in some tab. */
  | { kind: 'left' };

/** A page, as the hub sees it. */
export interface Port {
  post(message: ToPage): void;
}

/** Requests in progress: what they do, for how long, and what they wait for. Pure. */

import { counted } from '$lib/format';
import type { Request } from '$lib/live/state';
import type { Phase } from '$lib/live/wire';

export type Group = 'running' | 'loading' | 'queued';

export const PHASES: readonly Phase[] = ['queued', 'swapping', 'loading', 'forwarded', 'answering'];

/** What each phase is called. */
export const PHASE_WORDS: Record<Phase, string> = {
  queued: 'queued',
  swapping: 'waits for others to stop',
  loading: 'loads its model',
  forwarded: 'waits for the first byte',
  answering: 'streams its answer',
};

/** The phase; guessed where the server does not tell, as llama-swap. */
export function phaseOf(request: Request): Phase {
  if (request.phase !== undefined) return request.phase;
  return Object.keys(request.resp_headers).length > 0 ? 'answering' : 'forwarded';
}

export function groupOf(request: Request): Group {
  const phase = phaseOf(request);
  if (phase === 'queued') return 'queued';
  return phase === 'swapping' || phase === 'loading' ? 'loading' : 'running';
}

export function isRunning(request: Request): boolean {
  return groupOf(request) === 'running';
}

/** Milliseconds since a request arrived. */
export function elapsed(request: Request, now: number): number {
  return request.elapsed_ms + Math.max(0, now - request.received);
}

/** Milliseconds in each phase so far; the present one goes on. */
export function phaseTimes(request: Request, now: number): { phase: Phase; ms: number }[] {
  const present = phaseOf(request);
  const told = request.phases_ms ?? { [present]: request.elapsed_ms };
  const since = Math.max(0, now - request.received);
  return PHASES.flatMap((phase) => {
    const ms = (told[phase] ?? 0) + (phase === present ? since : 0);
    return ms > 0 ? [{ phase, ms }] : [];
  });
}

/** What a request waits for, as a sentence; empty if it does not wait. */
export function waitWords(request: Request, serving: (model: string) => number): string {
  const wait = request.wait;
  if (wait === null || wait === undefined) return '';
  const names = wait.models.join(', ');
  const place = wait.position > 0 ? `Number ${wait.position} in the queue: ` : '';
  return place + reason(wait.kind, names, wait.models, serving);
}

function reason(
  kind: string,
  names: string,
  models: readonly string[],
  serving: (model: string) => number,
): string {
  switch (kind) {
    case 'starting':
      return `${names} is being started`;
    case 'evicting':
      return `${names} ${models.length === 1 ? 'is' : 'are'} being stopped to make room`;
    case 'busy': {
      const busy = models.map(
        (model) => `${model} still serves ${counted(serving(model), 'request')}`,
      );
      return `${busy.join(' and ')}, and has to make room`;
    }
    case 'swap':
      return `the swap to ${names} comes first`;
    case 'stopping':
      return `the old server of ${names} is being stopped`;
    case 'unloading':
      return `${names} is being unloaded`;
    case 'draining':
      return `${names} is draining after a change of the configuration`;
    case 'crashed':
      return `${names} died while it served this request, which is tried once more`;
    case 'patience':
      return `a request for ${names} has waited too long and goes first`;
    default:
      return `${kind} ${names}`;
  }
}

/** How long a load may take, from how long the last ones did: [least, most] seconds; null: unknown. */
export function loadEstimate(loads: readonly number[]): [number, number] | null {
  if (loads.length === 0) return null;
  const recent = loads.slice(-5);
  return [Math.min(...recent), Math.max(...recent)];
}

export function estimateWords(loads: readonly number[]): string {
  const range = loadEstimate(loads);
  if (range === null) return '';
  const [least, most] = range.map((seconds) => Math.max(1, Math.round(seconds)));
  return least === most ? `about ${most} s` : `about ${least}–${most} s`;
}

/** The session or the caller that a request belongs to. */
export function callerOf(request: Request, sessionHeaders: readonly string[]): string {
  return sessionOf(request, sessionHeaders) || request.remote_ip;
}

export function sessionOf(request: Request, sessionHeaders: readonly string[]): string {
  for (const name of sessionHeaders) {
    const value = header(request.req_headers, name);
    if (value) return value;
  }
  return '';
}

export function header(headers: Record<string, string>, name: string): string {
  const wanted = name.toLowerCase();
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === wanted);
  return found?.[1] ?? '';
}

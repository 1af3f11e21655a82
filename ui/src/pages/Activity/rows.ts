/** Rows of the activity log, and what they mean. Pure. */

import type { Phase } from '$lib/live/wire';

export type Outcome =
  | 'done'
  | 'failed'
  | 'refused'
  | 'cancelled by client'
  | 'cancelled by operator';

/** Numbers of tokens; all zero: nothing was told, -1: this was not told. */
export interface Tokens {
  cache_tokens: number;
  draft_tokens: number;
  draft_acc_tokens: number;
  input_tokens: number;
  output_tokens: number;
  prompt_per_second: number;
  tokens_per_second: number;
}

/** A finished request; what only hotbay tells is optional, and null where it is not known. */
export interface Row {
  id: number;
  timestamp: string;
  model: string;
  req_path: string;
  resp_content_type: string;
  resp_status_code: number;
  tokens: Tokens;
  duration_ms: number;
  has_capture: boolean;
  error_msg?: string;
  metadata?: Record<string, string> | null;
  outcome?: Outcome | null;
  requested?: string | null;
  asked_path?: string | null;
  request_id?: string | null;
  remote_ip?: string | null;
  session?: string | null;
  user_agent?: string | null;
  stream?: boolean | null;
  attempts?: number | null;
  resp_bytes?: number | null;
  first_byte_ms?: number | null;
  phases_ms?: Partial<Record<Phase, number>> | null;
}

/** What is kept of all requests. */
export interface Kept {
  persistent: boolean;
  keep_rows: number | null;
  keep_days: number | null;
  dropped_rows: number;
  captures: number;
  capture_bytes: number;
  capture_limit: number;
}

export interface RowsPage {
  data: Row[];
  page: number;
  limit: number;
  total: number;
  total_pages: number;
  store?: Kept;
}

export type Verdict = 'done' | 'failed' | 'refused' | 'cancelled';

/** How a request ended; guessed from its status where the server does not tell, as llama-swap. */
export function verdictOf(row: Row): Verdict {
  if (row.outcome)
    return row.outcome.startsWith('cancelled') ? 'cancelled' : (row.outcome as Verdict);
  return row.resp_status_code >= 400 || row.error_msg ? 'failed' : 'done';
}

/** The status, and in words what it does not say. */
export function statusWords(row: Row): string {
  const verdict = verdictOf(row);
  const status = row.resp_status_code > 0 ? String(row.resp_status_code) : '';
  if (verdict === 'done') return status || 'done';
  // A request that broke off may well have begun with a 200.
  const code = verdict === 'cancelled' || row.resp_status_code < 400 ? '' : status;
  return [code, verdict].filter(Boolean).join(' ');
}

export const TONES: Record<Verdict, 'plain' | 'pending' | 'failed'> = {
  done: 'plain',
  failed: 'failed',
  refused: 'pending',
  cancelled: 'pending',
};

/** Whether the answer told anything about tokens. */
export function hasTokens({ tokens }: Row): boolean {
  return tokens.input_tokens !== 0 || tokens.output_tokens !== 0 || tokens.cache_tokens !== 0;
}

/** A number of tokens, null if nobody told. */
export function told(row: Row, name: keyof Tokens): number | null {
  const value = row.tokens[name];
  return value < 0 || !hasTokens(row) ? null : value;
}

/** Milliseconds before it was forwarded; null if only the whole is known. */
export function waited({ phases_ms: phases }: Row): number | null {
  if (!phases) return null;
  return (phases.queued ?? 0) + (phases.swapping ?? 0) + (phases.loading ?? 0);
}

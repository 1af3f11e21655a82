/** What the server's planner says of a request that nobody makes. */

import { post } from '$lib/api/client';

export interface Plan {
  target: string;
  evict: string[];
  set: string | null;
  cost: number | null;
  runnerUp: string | null;
  reason: string;
  text: string;
}

/** `running`: those that are supposed to run; null: those that do. */
export async function planFor(
  model: string,
  running: readonly string[] | null,
  signal: AbortSignal,
): Promise<Plan> {
  return await post('api/x/plan', { model, ...(running && { running }) }, { signal });
}

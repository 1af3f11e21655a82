/** Asks the activity log how long a request waited, which nobody knows better. */

import { get } from '$lib/api/client';
import { live } from '$lib/live/live.svelte';

/** Milliseconds after which the log is not waited for any more. */
const PATIENCE = 3000;

interface Rows {
  data: { request_id: string | null; phases_ms: Record<string, number> | null }[];
}

/** Milliseconds in the queue and until its model was ready; null if nobody tells. */
export async function waitOf(requestId: string): Promise<number | null> {
  if (!live.detailed) return null;
  const come = new EventTarget();
  const unsubscribe = live.on('activity', () => come.dispatchEvent(new Event('row')));
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    for (;;) {
      // Its row is written when it is over, and told of; it may be there already.
      const row = new Promise<void>((resolve, reject) => {
        come.addEventListener('row', () => resolve(), { once: true });
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      row.catch(() => {}); // nobody waits for it if the row was there
      const query = { q: requestId, limit: 1 };
      const { data } = await get<Rows>('api/x/activity', { query, signal });
      const phases = data.find(({ request_id }) => request_id === requestId)?.phases_ms;
      if (phases) return total(phases);
      await row;
    }
  } catch {
    return null; // it is one figure among several
  } finally {
    unsubscribe();
  }
}

/** The time before a request was forwarded. */
export function total(phases: Partial<Record<string, number>>): number {
  const { queued = 0, swapping = 0, loading = 0 } = phases;
  return queued + swapping + loading;
}

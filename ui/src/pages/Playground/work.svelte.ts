/** One thing that a tab has a model do: owns whether it is under way, and what went wrong. */

import { explain, isAbort } from '$lib/api/errors';
import { announce } from '$lib/components/announce';
import { headers, randomName } from './identity';

export class Work {
  /** What the request is called on the server while it is under way; else empty. */
  requestId = $state('');
  error = $state('');
  #abort: AbortController | undefined;

  get busy(): boolean {
    return this.requestId !== '';
  }

  /** Does it, unless it is done already; `what` is what screen readers are told at the end. */
  async run(
    what: string,
    work: (request: { signal: AbortSignal; headers: Record<string, string> }) => Promise<void>,
  ): Promise<void> {
    if (this.busy) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.requestId = randomName(16);
    this.error = '';
    try {
      await work({ signal: abort.signal, headers: headers(this.requestId) });
      announce(`${what}: done`);
    } catch (error) {
      if (!isAbort(error)) {
        this.error = explain(error);
        announce(`${what} failed: ${this.error}`);
      }
    } finally {
      this.requestId = '';
    }
  }

  stop(): void {
    this.#abort?.abort();
  }
}

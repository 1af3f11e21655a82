/** Cancelling requests in progress: owns which are being cancelled, and what went wrong. */

import { SvelteSet } from 'svelte/reactivity';
import { post } from '$lib/api/client';
import { ApiError, explain } from '$lib/api/errors';
import { announce } from '$lib/components/announce';
import { ask } from '$lib/components/question.svelte';
import { counted } from '$lib/format';

class Cancelling {
  #pending = new SvelteSet<string>();
  /** Why the last attempt did not work; empty if it did. */
  failure = $state('');

  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Cancels requests, after a question if there are several; `whose` says in words which. */
  async cancel(ids: readonly string[], whose: string): Promise<void> {
    const question = {
      title: `Cancel ${counted(ids.length, 'request')}?`,
      text: `All ${whose} are cancelled.`,
      yes: 'Cancel them',
    };
    if (ids.length > 1 && !(await ask(question))) return;
    this.failure = '';
    await Promise.all(ids.map((id) => this.#one(id)));
    announce(`${counted(ids.length, 'request')} cancelled`);
  }

  async #one(id: string): Promise<void> {
    this.#pending.add(id);
    try {
      await post(`api/inflight/${id}/cancel`);
    } catch (error) {
      // One that has just ended by itself is what was wanted.
      if (!(error instanceof ApiError && error.status === 404)) this.failure = explain(error);
    } finally {
      this.#pending.delete(id);
    }
  }
}

export const cancelling = new Cancelling();

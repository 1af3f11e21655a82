/** Loading and unloading: owns what this page has asked for and how it went. */

import { SvelteMap } from 'svelte/reactivity';
import { segment } from '$lib/addresses';
import { post, request } from '$lib/api/client';
import { ApiError, explain, isAbort } from '$lib/api/errors';
import { announce } from '$lib/components/announce';
import { ask } from '$lib/components/question.svelte';
import { counted } from '$lib/format';
import { live } from '$lib/live/live.svelte';

/** What is under way for a model. */
interface Task {
  kind: 'load' | 'unload';
  /** Milliseconds since the epoch. */
  since: number;
  abort: AbortController;
}

const ALL = '';
/** Loads that are asked for at once; a browser makes few connections, and others need some. */
const MOST_LOADS = 3;

class Servers {
  #tasks = new SvelteMap<string, Task>();
  #failures = new SvelteMap<string, string>();
  #loads = 0;
  /** Those that wait for one of these loads to end. */
  #next: (() => void)[] = [];

  /** What this page has under way for a model. */
  task(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  /** Why the last thing that was asked for did not work; empty if it did. */
  failure(id: string): string {
    return this.#failures.get(id) ?? '';
  }

  dismiss(id: string): void {
    this.#failures.delete(id);
  }

  get unloadingAll(): boolean {
    return this.#tasks.has(ALL);
  }

  get failureOfAll(): string {
    return this.failure(ALL);
  }

  dismissAll(): void {
    this.dismiss(ALL);
  }

  /** Requests that an unload would break off, of one model or of all. */
  broken(id?: string): number {
    return (live.requests ?? []).filter(({ model }) => id === undefined || model === id).length;
  }

  /** Loads a model; it can be cancelled for as long as that takes. */
  async load(id: string): Promise<void> {
    await this.#run(id, 'load', async (signal) => {
      await this.#turn(signal);
      try {
        if (live.detailed) await post(`api/x/load/${segment(id)}`, undefined, { signal });
        else await this.#visit(id, signal);
      } finally {
        this.#loads -= 1;
        this.#next.shift()?.();
      }
      announce(`${id} is loaded`);
    });
  }

  /** Waits until few enough loads are under way. */
  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#loads >= MOST_LOADS) {
      await new Promise<void>((resolve) => {
        this.#next.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      if (signal.aborted) {
        this.#next.shift()?.(); // it may have been this one's turn
        signal.throwIfAborted();
      }
    }
    this.#loads += 1;
  }

  cancel(id: string): void {
    this.#tasks.get(id)?.abort.abort();
  }

  /** Unloads a model, after a question if requests would break off. */
  async unload(id: string): Promise<void> {
    const count = this.broken(id);
    const question = {
      title: `Unload ${id}?`,
      text: `${counted(count, 'request')} for it will break off.`,
      yes: 'Unload',
    };
    if (count > 0 && !(await ask(question))) return;
    await this.#run(id, 'unload', async (signal) => {
      await post(`api/models/unload/${segment(id)}`, undefined, { signal });
      announce(`${id} is unloaded`);
    });
  }

  async unloadAll(): Promise<void> {
    const count = this.broken();
    const question = {
      title: 'Unload all models?',
      text: `${counted(count, 'request')} will break off.`,
      yes: 'Unload all',
    };
    if (count > 0 && !(await ask(question))) return;
    await this.#run(ALL, 'unload', async (signal) => {
      await post('api/models/unload', undefined, { signal });
      announce('All models are unloaded');
    });
  }

  /** llama-swap has no route that only loads: the model's own front page is asked for. */
  async #visit(id: string, signal: AbortSignal): Promise<void> {
    try {
      const answer = await request(`upstream/${segment(id)}/`, { signal, cache: 'no-store' });
      await answer.body?.cancel();
    } catch (error) {
      // A server that answers is loaded, whether it has such a page or not.
      if (!(error instanceof ApiError && error.source === 'model server')) throw error;
    }
  }

  async #run(
    id: string,
    kind: Task['kind'],
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    if (this.#tasks.has(id)) return;
    const abort = new AbortController();
    this.#tasks.set(id, { kind, since: Date.now(), abort });
    this.#failures.delete(id);
    try {
      await work(abort.signal);
    } catch (error) {
      if (!isAbort(error)) {
        this.#failures.set(id, explain(error));
        announce(`${id === ALL ? 'Unloading' : id} failed`);
      }
    } finally {
      this.#tasks.delete(id);
    }
  }
}

export const servers = new Servers();

/** The conversations that this browser keeps: owns their list, and what went wrong with it. */

import { explain } from '$lib/api/errors';
import { type Conversation, interrupted } from './conversation';
import * as store from './store';

class Library {
  /** The newest first; null until they have been read. */
  heads = $state.raw<store.Head[] | null>(null);
  /** Why what is said here might not be kept. */
  error = $state('');

  async read(): Promise<void> {
    await this.#try(async () => {
      this.heads = await store.list();
    });
  }

  async keep(...conversations: readonly Conversation[]): Promise<void> {
    const worth = conversations.filter(({ messages }) => messages.length > 0);
    const gone = conversations.filter(({ messages }) => messages.length === 0);
    await this.#try(async () => {
      if (worth.length > 0) await store.save(...worth);
      await store.remove(...gone.map(({ id }) => id));
      this.heads = await store.list();
    });
  }

  async open(id: string): Promise<Conversation | undefined> {
    const kept = await this.#try(async () => await store.load(id));
    return kept && interrupted(kept);
  }

  async all(): Promise<Conversation[]> {
    return (await this.#try(async () => await store.loadAll())) ?? [];
  }

  async rename(id: string, title: string): Promise<void> {
    const conversation = await this.open(id);
    if (conversation !== undefined) await this.keep({ ...conversation, title });
  }

  async remove(id: string): Promise<void> {
    await this.#try(async () => {
      await store.remove(id);
      this.heads = await store.list();
    });
  }

  async removeAll(): Promise<void> {
    await this.#try(async () => {
      await store.removeAll();
      this.heads = [];
    });
  }

  async #try<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await work();
      this.error = '';
      return result;
    } catch (error) {
      this.error = full(error)
        ? 'The storage of this browser is full. Delete conversations to make room.'
        : `This browser keeps no conversations: ${explain(error)}`;
      return undefined;
    }
  }
}

function full(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError';
}

export const library = new Library();

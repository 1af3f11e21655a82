/** Where conversations are kept: a database of this browser, with as many as fit into a bound. */

import type { Conversation } from './conversation';

/** The newest ones are kept. */
export const MOST = 200;

/** What a list of conversations shows. */
export interface Head {
  id: string;
  title: string;
  /** Milliseconds since the epoch. */
  changed: number;
  messages: number;
}

const NAME = 'hotbay.playground';
const HEADS = 'heads';
const WHOLE = 'conversations';

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(HEADS, { keyPath: 'id' });
      request.result.createObjectStore(WHOLE, { keyPath: 'id' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/** Both stores in one transaction; resolves when it is durable. */
async function write(
  change: (heads: IDBObjectStore, whole: IDBObjectStore) => void,
): Promise<void> {
  const transaction = (await database()).transaction([HEADS, WHOLE], 'readwrite');
  change(transaction.objectStore(HEADS), transaction.objectStore(WHOLE));
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** All that are kept, the newest first. */
export async function list(): Promise<Head[]> {
  const store = (await database()).transaction(HEADS).objectStore(HEADS);
  const heads = await done<Head[]>(store.getAll());
  return heads.sort((a, b) => b.changed - a.changed);
}

export async function load(id: string): Promise<Conversation | undefined> {
  const store = (await database()).transaction(WHOLE).objectStore(WHOLE);
  return await done<Conversation | undefined>(store.get(id));
}

export async function loadAll(): Promise<Conversation[]> {
  const store = (await database()).transaction(WHOLE).objectStore(WHOLE);
  return await done<Conversation[]>(store.getAll());
}

/** Keeps conversations; the oldest make room. */
export async function save(...conversations: readonly Conversation[]): Promise<void> {
  await write((heads, whole) => {
    for (const conversation of conversations) {
      const { id, title, changed, messages } = conversation;
      heads.put({ id, title, changed, messages: messages.length } satisfies Head);
      whole.put(conversation);
    }
  });
  await remove(...(await list()).slice(MOST).map(({ id }) => id));
}

export async function remove(...ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await write((heads, whole) => {
    for (const id of ids) {
      heads.delete(id);
      whole.delete(id);
    }
  });
}

export async function removeAll(): Promise<void> {
  await write((heads, whole) => {
    heads.clear();
    whole.clear();
  });
}

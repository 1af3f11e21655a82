/** What a page knows of the server, kept current by the hub: the one source for all components. */

import { SERVER } from '$lib/addresses';
import { session } from '$lib/api/session.svelte';
import { now } from '$lib/now.svelte';
import type { Line } from './lines';
import type { FromPage, LogName, PassedOn, Port, ToPage } from './protocol';
import { type Connection, type Model, type Request, type Snapshot, UNKNOWN } from './state';
import type { ConfigLoad, Events, Queue } from './wire';

type Heard = { [Name in PassedOn]?: Set<(data: Events[Name]) => void> };

/** What a watched log tells: lines that follow, or with `all` replace those before. */
export interface LogReader {
  lines(lines: Line[], all: boolean): void;
  /** Why the log cannot be had at the moment; empty: it can. */
  trouble?(reason: string): void;
}

class Live {
  connection = $state.raw<Connection>(UNKNOWN.connection);
  models = $state.raw<Model[] | null>(null);
  requests = $state.raw<Request[] | null>(null);
  queue = $state.raw<Queue | null>(null);
  profile = $state.raw<string | null>(null);
  sessionHeaders = $state.raw<string[]>([]);
  load = $state.raw<ConfigLoad | null>(null);
  /** Whether the server tells more than llama-swap does. */
  detailed = $state(false);
  skew = $state(0);

  #send: (message: FromPage) => void = () => {};
  #heard: Heard = {};
  #readers = new Map<LogName, Set<LogReader>>();

  /** Begins; called once, by the root of the page. */
  async connect(): Promise<void> {
    this.#send = await connected((message) => this.#receive(message));
    const hello = () =>
      this.#send({ kind: 'hello', root: SERVER, credentials: session.credentials });
    hello();
    for (const log of this.#readers.keys()) this.#send({ kind: 'watch', log });
    window.addEventListener('pagehide', () => this.#send({ kind: 'bye' }));
    window.addEventListener('pageshow', ({ persisted }) => {
      if (!persisted) return; // it is shown for the first time
      hello();
      for (const log of this.#readers.keys()) this.#send({ kind: 'watch', log });
    });
    window.addEventListener('online', () => this.retry());
  }

  /** Why nothing can be asked of the server at the moment; empty: it can. */
  get offline(): string {
    return this.connection.status === 'open' ? '' : 'There is no connection to the server';
  }

  /** Tries to connect at once, with the credentials of this page. */
  retry(): void {
    this.#send({ kind: 'retry', credentials: session.credentials });
  }

  /** Forgets the key, in all tabs of this browser. */
  logOut(): void {
    this.#send({ kind: 'leave' });
  }

  /** Calls back for each event of a kind; returns what ends that. */
  on<Name extends PassedOn>(name: Name, callback: (data: Events[Name]) => void): () => void {
    const heard = this.#heard as Record<Name, Set<(data: Events[Name]) => void> | undefined>;
    const callbacks = heard[name] ?? new Set();
    heard[name] = callbacks;
    callbacks.add(callback);
    return () => callbacks.delete(callback);
  }

  /** Reads a log; returns what ends that. */
  read(log: LogName, reader: LogReader): () => void {
    const readers = this.#readers.get(log) ?? new Set();
    this.#readers.set(log, readers);
    readers.add(reader);
    // Also if somebody reads it already: a reader begins with all that there is.
    this.#send({ kind: 'watch', log });
    return () => {
      readers.delete(reader);
      if (readers.size > 0) return;
      this.#readers.delete(log);
      this.#send({ kind: 'unwatch', log });
    };
  }

  /** Milliseconds since the epoch by the server's clock; what reads it is updated each second. */
  now(): number {
    return now() + this.skew;
  }

  #receive(message: ToPage): void {
    switch (message.kind) {
      case 'state':
        Object.assign(this, message.patch satisfies Partial<Snapshot>);
        break;
      case 'event':
        for (const callback of this.#heard[message.name] ?? []) {
          (callback as (data: unknown) => void)(message.data);
        }
        break;
      case 'lines':
        for (const reader of this.#readers.get(message.log) ?? []) {
          reader.lines(message.lines, message.all);
        }
        break;
      case 'logState':
        for (const reader of this.#readers.get(message.log) ?? []) {
          reader.trouble?.(message.reason);
        }
        break;
      case 'refused':
        session.refuse(message.credentials);
        break;
      case 'admitted':
        session.adopt(message.key);
        break;
      case 'left':
        session.logOut();
        location.reload(); // nothing that was seen with the key stays
    }
  }
}

/** Connects to the hub: in a shared worker where there are such, else in this very page. */
async function connected(receive: (message: ToPage) => void): Promise<(m: FromPage) => void> {
  if (typeof SharedWorker === 'function') {
    const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
      type: 'module',
      name: SERVER,
    });
    worker.port.addEventListener('message', ({ data }: MessageEvent<ToPage>) => receive(data));
    worker.port.start();
    return (message) => worker.port.postMessage(message);
  }
  const { Hub } = await import('./hub');
  const port: Port = { post: receive };
  const hub = new Hub(SERVER, session.credentials);
  return (message) => hub.receive(port, message);
}

export const live = new Live();

/** The connection to the server's events: owns its making, its loss and the attempts to repair it. */

import { type Credentials, withCredentials } from '$lib/api/credentials';
import { ApiError, errorOf, explain } from '$lib/api/errors';
import { batches, type ServerEvent } from './sse';
import type { Connection } from './state';
import type { Events, Messages } from './wire';

/** Who is told; `Link` knows nothing of what the news means. */
export interface Listener {
  connection(connection: Connection): void;
  /** A server was reached: with hotbay's own events, or only with llama-swap's messages. */
  reached(detailed: boolean): void;
  event<Name extends keyof Events>(name: Name, data: Events[Name]): void;
  message<Type extends keyof Messages>(type: Type, data: Messages[Type]): void;
  /** The server does not accept these credentials. */
  refused(credentials: Credentials): void;
}

/** All of hotbay's own events. */
const TYPES = 'state,swap,start_failed,queue,patience,config,profile,inflight,activity,log';
/** Milliseconds to wait before each attempt; the last holds for all that follow. */
const DELAYS = [1000, 2000, 4000, 5000];
/** hotbay sends something every 15 s; after this many milliseconds of silence it is gone. */
const SILENCE = 40_000;

export class Link {
  #credentials: Credentials = { kind: 'browser' };
  #stopped = false;
  #attempts = 0;
  #lastId = '';
  #until = 0;
  #wake: () => void = () => {};
  #abort = new AbortController();

  constructor(
    private readonly root: string,
    private readonly listener: Listener,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  /** Connects, and goes on until `stop`. */
  async run(credentials: Credentials): Promise<void> {
    this.#credentials = credentials;
    while (!this.#stopped) {
      let reason = 'the server has ended the connection';
      try {
        await this.#once();
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof ApiError && error.status === 401) {
          this.listener.refused(this.#credentials);
          reason = 'the server wants an API key';
          this.#attempts = Number.POSITIVE_INFINITY;
        } else reason = inSentence(explain(error));
      }
      await this.#pause(reason);
    }
  }

  /** Tries again at once, with other credentials if some are given. */
  retry(credentials: Credentials = this.#credentials): void {
    this.#credentials = credentials;
    this.#attempts = 0;
    this.#wake();
  }

  /** Ends the connection, and makes no other until `retry`. */
  leave(): void {
    this.#credentials = { kind: 'none' };
    this.#lastId = '';
    this.#attempts = Number.POSITIVE_INFINITY;
    this.#abort.abort(new Error('you have logged out'));
  }

  stop(): void {
    this.#stopped = true;
    this.#abort.abort();
    this.#wake();
  }

  /** Asks for llama-swap's messages until those have come that each stream begins with. */
  async describe(): Promise<void> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    this.#abort.signal.addEventListener('abort', stop);
    try {
      const response = await this.#open('api/events', abort.signal);
      for await (const events of batches(response)) {
        for (const event of events) {
          // The list of requests is the last of them.
          if (this.#tellMessage(event) === 'inflight') return;
        }
      }
    } finally {
      this.#abort.signal.removeEventListener('abort', stop);
      abort.abort();
    }
  }

  /** Ends the present connection; another follows, which begins with the present state. */
  restart(reason: unknown): void {
    this.#lastId = '';
    this.#abort.abort(reason);
  }

  async #once(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    let response: Response;
    try {
      const headers: HeadersInit = this.#lastId === '' ? {} : { 'Last-Event-ID': this.#lastId };
      response = await this.#open(`api/x/events?types=${TYPES}`, signal, headers);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      response = await this.#open('api/events', signal);
      this.#reached(false);
      for await (const events of batches(response)) {
        this.#until = Date.now();
        for (const event of events) this.#tellMessage(event);
      }
      return;
    }
    this.#reached(true);
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => this.#abort.abort(new Error('nothing was heard of it')), SILENCE);
      this.#until = Date.now();
    };
    try {
      alive();
      for await (const events of batches(response)) {
        alive();
        for (const event of events) this.#tellEvent(event);
      }
    } finally {
      clearTimeout(watchdog);
    }
  }

  async #open(path: string, signal: AbortSignal, headers: HeadersInit = {}): Promise<Response> {
    const init = withCredentials(this.#credentials, {
      signal,
      headers: { Accept: 'text/event-stream', ...headers },
      cache: 'no-store',
    });
    const response = await this.fetch(new URL(path, this.root), init).catch((error) => {
      if (signal.aborted) throw signal.reason;
      throw new ApiError(error instanceof Error ? error.message : String(error), 0, 'network');
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  #reached(detailed: boolean): void {
    this.#attempts = 0;
    this.#until = Date.now();
    this.listener.reached(detailed);
    this.listener.connection({ status: 'open', reason: '', until: this.#until, retryAt: 0 });
  }

  #tellEvent({ name, data, id }: ServerEvent): void {
    this.#lastId = id;
    this.listener.event(name as keyof Events, JSON.parse(data));
  }

  #tellMessage({ data }: ServerEvent): string {
    const { type, data: inner } = JSON.parse(data) as { type: keyof Messages; data: string };
    this.listener.message(type, JSON.parse(inner));
    return type;
  }

  /** Waits before the next attempt, or for `retry` where there is no point in another one. */
  async #pause(reason: string): Promise<void> {
    const delay = DELAYS[Math.min(this.#attempts, DELAYS.length - 1)] ?? 0;
    const hopeless = this.#attempts === Number.POSITIVE_INFINITY;
    this.#attempts += 1;
    this.listener.connection({
      status: 'lost',
      reason,
      until: this.#until,
      retryAt: hopeless ? 0 : Date.now() + delay,
    });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (!hopeless) setTimeout(resolve, delay);
    });
    this.listener.connection({ status: 'connecting', reason, until: this.#until, retryAt: 0 });
  }
}

/** A sentence as it goes on after a colon. */
function inSentence(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
